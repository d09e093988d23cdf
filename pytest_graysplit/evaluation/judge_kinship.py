"""Families of models by their names, and warnings about a judge of the family of an arm.

Judges tend to prefer answers of their own family (Panickssery et al. 2024, arXiv:2404.13076).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import listed
from pytest_graysplit.verdict.run_facts import same_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.arms import Arm

# Names have vendors and servers before them (ollama, llama.cpp), and formats of weights after them (GPTQ). A model that
# was distilled from another one has the names of both families.
_FAMILIES = {
    "Claude": "claude|sonnet|haiku|opus",
    "GPT": r"gpt(?!q)|(?<![a-z0-9])o[1-9](?![0-9])|davinci|codex",
    "Gemini": "gemini|gemma",
    "Llama": r"(?<!o)llama(?!\.?cpp)|vicuna|nemotron",
    "Qwen": "qwen|qwq",
    "DeepSeek": "deepseek",
    "Mistral": "mistral|mixtral|ministral|magistral|codestral|devstral|pixtral",
    "Grok": "grok",
    "Cohere": "(?<![a-z])command-|cohere|(?<![a-z])aya-",
    "Phi": r"(?<![a-z])phi-?[0-9]",
    "Nova": r"(?<![a-z])nova-|amazon",
    "GLM": r"(?<![a-z])glm|chatglm",
    "Kimi": "kimi|moonshot",
    "MiniMax": "minimax|abab",
    "Granite": "granite",
    "SmolLM": "smollm",
}
_PATTERNS = {family: re.compile(pattern) for family, pattern in _FAMILIES.items()}
_REMEDY = "judges tend to prefer their own answers, so name a judge of another family in [tool.graysplit.judge]"


def families_of(model: str) -> frozenset[str]:
    """Return the families that the name of a model shows; empty if it shows none.

    >>> sorted(families_of("us.anthropic.claude-sonnet-4-5")), sorted(families_of("deepseek-r1-distill-llama-70b"))
    (['Claude'], ['DeepSeek', 'Llama'])
    """
    name = model.lower()
    return frozenset(family for family, pattern in _PATTERNS.items() if pattern.search(name))


def kinship_warnings(judge: Arm, arms: Sequence[Arm]) -> Iterator[str]:
    """Yield a warning if the judge is the model of an arm, and one if it is of the family of an arm."""
    own = [arm for arm in arms if same_model(judge.model, arm.model)]
    shared = {arm.name: families_of(arm.model) & families_of(judge.model) for arm in arms if arm not in own}
    kin = [name for name, families in shared.items() if families]
    if own:
        yield f"judge {judge.name} is the model of {_names([arm.name for arm in own])} itself: {_REMEDY}"
    if kin:
        families = listed(sorted(frozenset().union(*shared.values())))
        yield f"judge {judge.name} is of the family of {_names(kin)} ({families}): {_REMEDY}"


def _names(arms: Sequence[str]) -> str:
    return listed(list(dict.fromkeys(arms)))
