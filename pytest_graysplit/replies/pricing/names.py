"""The many names of one model: with its provider, with its date, as a relay or a local server spells it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# In front of a name, these are not providers: the full name follows.
_NO_PROVIDER = ("models", "litellm", "litellm_proxy")
_ROUTER = "openrouter"
_DATE = re.compile(r"[-@](?:20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|00\d)$")
# Bedrock has version numbers after a colon; all other providers name a variant there.
_BEDROCK_VERSION = re.compile(r"-v\d+:\d+$")
# These variants answer in another way and at the same price.
_SAME_PRICE = re.compile(r":(?:thinking|beta)$")
_CLAUDE_VERSION = re.compile(r"(?<=-)(\d)-(\d)(?=-|$)")
_SIZE = re.compile(r"(?<![\w.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z\d])")
# Files and formats of local models, and models that were made from other ones.
_OF_ONES_OWN = re.compile(
    r"(?<![a-z\d])(?:gguf|ggml|gptq|awq|mlx|exl[23]|bnb|safetensors|i?q\d(?:_\w+)?|int[48]|[48]bits?|[bf]p?f?(?:8|16)|"
    r"distill\w*|lora|ft)(?![a-z\d])"
)


class Name(NamedTuple):
    """The parts of a model's name: its provider, if the name has one, and its name there."""

    provider: str
    model: str

    @classmethod
    def of(cls, name: str) -> Name | None:
        """Split a name; None for a variant with a price of its own, or with none, as a local one.

        >>> Name.of("openai/gpt-4.1"), Name.of("models/gemini-2.5-flash"), Name.of("deepseek-r1:7b")
        (Name(provider='openai', model='gpt-4.1'), Name(provider='', model='gemini-2.5-flash'), None)
        """
        plain = _SAME_PRICE.sub("", name.strip().lower())
        if ":" in _BEDROCK_VERSION.sub("", plain):
            return None
        provider, slash, model = plain.partition("/")
        while slash and provider in _NO_PROVIDER:
            provider, slash, model = model.partition("/")
        return cls(provider, model) if slash else cls("", provider)

    @property
    def whole(self) -> str:
        """The name with its provider."""
        return f"{self.provider}/{self.model}" if self.provider else self.model

    @property
    def maker(self) -> str:
        """The maker or seller of the model by its name, behind a router that adds nothing to the price."""
        return self.model.partition("/")[0] if self.provider == _ROUTER and "/" in self.model else self.provider

    @property
    def bare(self) -> str:
        """The name without its seller."""
        return self.model.rpartition("/")[2]

    def is_like(self, known: str) -> bool:
        """Tell whether a listed model with the same beginning is this model, and not one derived from it.

        The listed name must have the same size, format and descent.
        """
        return _marks(self.bare) <= _marks(known.lower())


def spellings(name: str) -> Iterator[str]:
    """Yield the names under which a table may have the model: as it is, without provider, without date, with a dot."""
    yield name
    if (parts := Name.of(name)) is not None:
        yield from dict.fromkeys((parts.whole, parts.bare))
        yield from bare_spellings(parts)


def bare_spellings(name: Name) -> Iterator[str]:
    """Yield the names of the model alone: as it is, without its date, and in another spelling of the version."""
    undated = _DATE.sub("", name.bare)
    yield from dict.fromkeys(
        (name.bare, undated, _CLAUDE_VERSION.sub(r"\1.\2", undated) if "claude" in undated else undated)
    )


def _marks(name: str) -> set[str]:
    return {found.group() for pattern in (_SIZE, _OF_ONES_OWN) for found in pattern.finditer(name)}
