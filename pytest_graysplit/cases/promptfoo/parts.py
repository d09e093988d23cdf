"""The names that promptfoo knows in each place of a configuration, and the meaning of each for an import.

Every name that is not listed is reported too, so that no part of a file is lost without a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_graysplit.config.options import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.cases.promptfoo.suite import Suite


# The beginnings of names that hold YAML anchors, by custom.
_OWN_NAMES = ("x-", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The names of one place: those that are converted, those that change no case, and those without a counterpart."""

    used: tuple[str, ...] = ()
    noted: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    other: str = "is not known here"
    notes_own_names: bool = False

    def name_parts(self, suite: Suite, table: Mapping[str, Any], location: str) -> None:
        """Report every part of a table that is not converted; an empty part says nothing."""
        for name, value in table.items():
            at = f"{location}.{name}" if location else str(name)
            if name in self.used or value in (None, [], {}, ""):
                continue
            if name in self.noted:
                suite.note(at, name, self.noted[name])
            elif self.notes_own_names and str(name).startswith(_OWN_NAMES):
                suite.note(at, "x-", "a name of your own, which promptfoo does not read")
            elif name in self.missing:
                suite.miss(at, self.missing[name])
            else:
                known = [*self.used, *self.noted, *self.missing]
                suite.miss(at, f"{self.other}{nearest(str(name), known, 75)}")


_REPORT = "about the report of promptfoo"
_RUN = "about a run of promptfoo; here the options of pytest say it"
_NONE = "has no counterpart"
_JUDGE = "the model that judges; here it is model in [tool.graysplit.judge]"
_OWN_JUDGE = "is a prompt for the judge; here the judge has its own"
_ACCESS = "about the way to a model; here the arm says it"
_SCORE = "about the score of promptfoo; here every check must pass"
_FILTER = "leaves tests out; here -k chooses cases"

CONFIG = Place(
    notes_own_names=True,
    used=(
        "prompts",
        "providers",
        "targets",
        "tests",
        "scenarios",
        "defaultTest",
        "env",
        "evaluateOptions",
        "commandLineOptions",
    ),
    noted={
        **dict.fromkeys(("description", "tags", "metadata", "author", "$schema"), "about the suite"),
        **dict.fromkeys(("outputPath", "sharing", "writeLatestResults", "tracing"), _REPORT),
    },
    missing={
        **dict.fromkeys(("redteam", "nunjucksFilters", "extensions", "derivedMetrics"), _NONE),
        "providerPromptMap": "gives prompts to some models only; here every case is sent to both models",
    },
)

TEST = Place(
    used=("description", "vars", "assert", "options", "prompts"),
    noted={"metadata": "about the test"},
    missing={
        "threshold": "lets some checks fail; here all must pass",
        "provider": "names the model of this test; here every case is sent to both models",
        "providers": "names the models of this test; here every case is sent to both models",
        "providerOutput": "is an answer that is checked without asking a model",
        "assertScoringFunction": "is a program that decides whether the checks pass; here all must pass",
    },
)

SCENARIO = Place(used=("config", "tests"), noted={"description": "about the scenario"})

OPTIONS = Place(
    used=(
        "prefix",
        "suffix",
        "disableVarExpansion",
        "disableDefaultAsserts",
        "transform",
        "postprocess",
        "transformVars",
    ),
    noted={
        "provider": _JUDGE,
        "runSerially": _RUN,
        "disableConversationVar": "about conversations of promptfoo",
        "factuality": "about factuality",
    },
    missing={
        "rubricPrompt": _OWN_JUDGE,
        "storeOutputAs": "keeps the answer for another test; here a case is about one answer",
    },
)

ASSERTION = Place(
    used=("type", "value", "threshold", "transform"),
    noted={
        **dict.fromkeys(("metric", "description"), _REPORT),
        "weight": _SCORE,
        "provider": _JUDGE,
    },
    missing={
        "rubricPrompt": _OWN_JUDGE,
        "contextTransform": "is a program, which is not run",
        "config": "has no counterpart",
    },
)

ASSERTION_SET = Place(
    used=("type", "assert", "threshold"),
    noted={**dict.fromkeys(("metric", "description"), _REPORT), "weight": _SCORE},
    missing={"config": _NONE},
)

PROMPT = Place(
    used=("id", "raw", "label", "display", "config"),
    missing={
        "function": "is a program, which is not run",
        "prefix": "is read in the options of a test only",
        "suffix": "is read in the options of a test only",
    },
)

PROVIDER = Place(
    used=("id", "label", "config", "prompts"),
    noted={"delay": _RUN, "env": _ACCESS},
    missing={
        "transform": "is a program that changes the answers; here the checks are about the answers as they are",
        "inputs": _NONE,
    },
)

PROVIDER_CONFIG = Place(
    other="is a setting of this provider, and is not sent here",
    noted={
        **dict.fromkeys(
            (
                "apiKey",
                "apiKeyEnvar",
                "apiKeyRequired",
                "apiBaseUrl",
                "apiHost",
                "apiVersion",
                "basePath",
                "baseURL",
                "headers",
                "organization",
                "projectId",
                "region",
            ),
            _ACCESS,
        ),
        **dict.fromkeys(("timeout", "maxRetries", "max_retries", "retries", "delay"), _RUN),
        **dict.fromkeys(("cost", "inputCost", "outputCost"), "a price; here it stands in [tool.graysplit.prices]"),
    },
)

EVALUATE = Place(
    used=("repeat",),
    noted={
        **dict.fromkeys(
            ("maxConcurrency", "delay", "cache", "timeoutMs", "maxEvalTimeMs", "interactiveProviders"), _RUN
        ),
        **dict.fromkeys(("showProgressBar", "generateSuggestions", "eventSource", "silent", "isRedteam"), _REPORT),
    },
)

COMMAND = Place(
    used=("repeat",),
    noted={
        **dict.fromkeys(
            ("maxConcurrency", "delay", "cache", "verbose", "watch", "env-file", "envPath", "envFile", "retryErrors"),
            _RUN,
        ),
        **dict.fromkeys(
            (
                "description",
                "output",
                "write",
                "table",
                "tableCellMaxLength",
                "share",
                "noShare",
                "progressBar",
                "generateSuggestions",
            ),
            _REPORT,
        ),
        "grader": _JUDGE,
    },
    missing={
        **dict.fromkeys(
            (
                "filterErrorsOnly",
                "filterFailing",
                "filterFailingOnly",
                "filterFirstN",
                "filterMetadata",
                "filterPattern",
                "filterPrompts",
                "filterProviders",
                "filterRange",
                "filterSample",
                "filterTargets",
            ),
            _FILTER,
        ),
        **dict.fromkeys(
            ("prompts", "providers", "config", "tests", "vars", "var", "assertions", "modelOutputs", "extension"),
            "is read from the command line of promptfoo only",
        ),
        **dict.fromkeys(
            ("promptPrefix", "promptSuffix"), "stands around every prompt; write it in options of defaultTest"
        ),
    },
)
