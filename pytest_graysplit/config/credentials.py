"""The choice of a key for an address: no key is sent to a relay that it does not belong to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_graysplit.config.address import is_loopback, masked, origin_of, read_address, shown_address
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import toml_key
from pytest_graysplit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN_KEY = "GRAYSPLIT_API_KEY"
OPENAI_URL = "OPENAI_BASE_URL"
# The address that the key of each variable belongs to. The first variable that is set counts, after our own, whose key
# belongs to any address.
HOMES = {
    "HOLYSHEEP_API_KEY": "https://api.holysheep.ai/v1",
    "OPENAI_API_KEY": "https://api.openai.com/v1",
    "OPENROUTER_API_KEY": "https://openrouter.ai/api/v1",
}
KEY_VARIABLES = (OWN_KEY, *HOMES)

WAYS = """
    export OPENAI_API_KEY=...  # a vendor at its own address; also HOLYSHEEP_API_KEY, OPENROUTER_API_KEY
    export GRAYSPLIT_BASE_URL=https://relay.example/v1 GRAYSPLIT_API_KEY=...  # any other OpenAI-compatible relay
    export GRAYSPLIT_BASE_URL=http://127.0.0.1:11434/v1  # Ollama on this machine (vLLM: port 8000), without a key"""

# Prefixes of keys of well-known vendors, and the vendors' domains. Many vendors use a plain `sk-`.
_VENDORS = (
    ("Anthropic", ("sk-ant-",), ("anthropic.com",)),
    ("AWS", ("ABSK", "bedrock-api-key-"), ("amazonaws.com",)),
    ("Cerebras", ("csk-",), ("cerebras.ai",)),
    ("Databricks", ("dapi",), ("databricks.com", "azuredatabricks.net")),
    ("Fireworks", ("fw_",), ("fireworks.ai",)),
    ("GitHub", ("ghp_", "gho_", "ghs_", "github_pat_"), ("github.com", "github.ai", "githubcopilot.com", "azure.com")),
    ("Google", ("AIza", "ya29."), ("googleapis.com",)),
    ("Groq", ("gsk_",), ("groq.com",)),
    ("Hugging Face", ("hf_",), ("huggingface.co", "huggingface.cloud")),
    ("NVIDIA", ("nvapi-",), ("nvidia.com",)),
    ("OpenAI", ("sk-proj-", "sk-svcacct-", "sk-admin-"), ("openai.com",)),
    ("OpenRouter", ("sk-or-",), ("openrouter.ai",)),
    ("Perplexity", ("pplx-",), ("perplexity.ai",)),
    ("Replicate", ("r8_",), ("replicate.com",)),
    ("Together", ("tgp_",), ("together.ai", "together.xyz")),
    ("Vercel", ("vck_",), ("vercel.sh", "vercel.com")),
    ("xAI", ("xai-",), ("x.ai",)),
)
_KEY_PREFIXES = tuple(prefix for _, prefixes, _ in _VENDORS for prefix in prefixes)
_OWN_VARIABLES = {"OpenAI": "OPENAI_API_KEY", "OpenRouter": "OPENROUTER_API_KEY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An address and the key for it; `idle` are keys that are set but belong elsewhere, by variable.

    The address is empty if none is known; then `problem` explains why the configured one cannot be used. `given` is
    true for an address that the user chose, and false for a built-in one. `arm` names the arm whose table decides, and
    is empty for the endpoint of the run; `names_variable` is true if that table names the variable of the key.
    """

    base_url: str = field(default="", repr=False)  # its query may hold a key
    given: bool = False
    key: Secret | None = None
    variable: str = OWN_KEY
    idle: Mapping[str, Secret] = field(default_factory=dict)
    problem: str = ""
    arm: str = ""
    names_variable: bool = False

    @property
    def endpoint(self) -> tuple[str, str]:
        """The identity of the endpoint: requests with one address and one key share limits and connections."""
        return self.base_url, self.variable if self.key is not None else ""

    @property
    def shown(self) -> str:
        """The address for a message, without secrets."""
        return shown_address(self.base_url)

    @property
    def address_setting(self) -> str:
        """The setting that gives the address, for a message."""
        return f"base_url in {self._table}" if self.arm else "--graysplit-base-url"

    @property
    def suffices(self) -> bool:
        """Whether requests can be sent: with a key, or to this machine, which needs none if no variable is named."""
        return self.key is not None or bool(self.base_url and is_loopback(self.base_url) and not self.names_variable)

    @property
    def setting(self) -> str:
        """The assignment that gives the address a key: from a variable that is already set, if there is one."""
        if self.names_variable:
            return f"{self.variable}=..."
        return f"{OWN_KEY}={f'${self._other}' if self._other else '...'}"

    @property
    def setting_hint(self) -> str:
        """The way to give the address a key."""
        if self.arm and not self.names_variable:
            return f'name the variable that holds the key of {self.shown}: {self._table} api_key_env = "..."'
        return f"export {self.setting}"

    @property
    def _other(self) -> str:
        return next((name for name in self.idle if name != OWN_KEY), "")

    def described(self) -> str:
        """Describe in one line where requests go, and with which key.

        >>> Access(base_url="https://api.openai.com/v1", key=Secret("k"), variable="OPENAI_API_KEY").described()
        'https://api.openai.com/v1, key from OPENAI_API_KEY'
        """
        if not self.base_url:
            return "no relay is set"
        if self.key is not None:
            return f"{self.shown}, key from {self.variable}"
        return f"{self.shown}, {'without a key' if self.suffices else 'no key for it is set'}"

    def to_record(self, command: str) -> str:
        """Explain how to record with a command, for a run that may not send requests."""
        if not self.base_url:
            return f"set one of these, and record once with {command}:{WAYS}"
        if self.suffices and self.key is None:
            return f"record once: {command}"
        if self.key is None and self.arm and not self.names_variable:
            return f"{self.setting_hint}; then record once: {command}"
        setting = f"{self.variable}=..." if self.key is not None else self.setting
        return f"record once, with your key: {setting} {command}"

    def require(self, need: str, else_do: str) -> None:
        """Raise UsageError if nothing can be sent, or if the key would go to a vendor that did not issue it."""
        if not self.base_url:
            raise self._address_missing(else_do)
        if not self.suffices:
            raise self._key_missing(need, else_do)
        if not self.given and (vendor := foreign_vendor(self.key, self.base_url)):
            raise self._key_elsewhere(vendor)

    def _address_missing(self, else_do: str) -> UsageError:
        if self.problem:
            return UsageError(self.problem, hint=f"correct it, or unset it; or {else_do}", slug=Slug.OPTION_VALUE)
        if self.arm:
            problem = f"arm {self.arm} has no relay to ask: its table names {self.variable}, and no address is set"
            hint = f'write base_url = "https://relay.example/v1" into {self._table}, or {else_do}'
            return UsageError(problem, hint=hint, slug=Slug.ADDRESS_MISSING)
        problem, hint = "there is no relay to ask: neither a key nor an address is set", ""
        if self.key is not None:
            problem = f"there is no relay to ask: {self.variable} is set, and it has no address of its own"
            hint = "give its address with --graysplit-base-url=URL, or "
            if other := self._other:  # our own key comes first, so the others need an address too
                hint += f"unset {OWN_KEY} to use {other} at its own address, or "
        return UsageError(problem, hint=f"{hint}set one of these, or {else_do}:{WAYS}", slug=Slug.ADDRESS_MISSING)

    @property
    def _table(self) -> str:
        return f"[tool.graysplit.arms.{toml_key(self.arm)}]"

    def _arm_key_missing(self, need: str, else_do: str) -> UsageError:
        if self.names_variable:
            problem, hint = f"{self.variable} is not set", f"export {self.variable}=..., the key of {self.shown}"
        else:
            problem = f"no key is known for {self.shown}"
            hint = self.setting_hint
        return UsageError(f"arm {self.arm}: {problem}, and {need}", hint=f"{hint}, or {else_do}", slug=Slug.KEY_MISSING)

    def _key_missing(self, need: str, else_do: str) -> UsageError:
        if self.arm:
            return self._arm_key_missing(need, else_do)
        problem, anything = f"{OWN_KEY} is not set, and {need}", " (any text, if your relay wants none)"
        if others := [name for name in self.idle if name != OWN_KEY]:
            which = f"{', '.join(others)} {'is' if len(others) == 1 else 'are'}"
            problem, anything = (
                f"{problem}; {which} set, and not sent to {self.shown}",
                ", if it is a key of this relay",
            )
        return UsageError(problem, hint=f"export {self.setting}{anything}, or {else_do}", slug=Slug.KEY_MISSING)

    def _key_elsewhere(self, vendor: str) -> UsageError:
        home = HOMES.get(_OWN_VARIABLES.get(vendor, ""), f"URL, the address of {vendor}")
        return UsageError(
            f"the key in {self.variable} looks like one of {vendor}, and would be sent to {self.shown}",
            hint=f"nothing was sent; correct {self.variable}, or export {OWN_KEY}=${self.variable} and say where it "
            f"belongs: --graysplit-base-url={home}",
            slug=Slug.KEY_ELSEWHERE,
        )


def find_access(given: str | None, environ: Mapping[str, str]) -> Access:
    """Return the given address, or that of the first key that is set, with the key that belongs there."""
    keys = {name: Secret(text) for name in KEY_VARIABLES if (text := environ.get(name, "").strip())}
    base_url, problem = given or "", ""
    variable = _at_home(base_url, keys, environ) if given else next(iter(keys), None)
    if not given and variable is not None:
        base_url, problem = _home(variable, environ)
    return Access(
        base_url=base_url,
        given=bool(given) or _is_chosen(variable, environ),
        key=keys.pop(variable) if variable is not None else None,
        variable=variable or OWN_KEY,
        idle=keys,
        problem=problem,
    )


def find_arm_access(
    arm: str, base_url: str, variable: str, run: Access, environ: Mapping[str, str]
) -> tuple[Access, bool]:
    """Return the endpoint of an arm, and whether its table decides where requests go.

    Without an address, a vendor's variable means the vendor's own address, so that its key goes nowhere else. Without a
    variable, the run's own key is sent only to the address of the run.
    """
    if not base_url and not variable:
        return run, False
    if not variable:
        same = bool(run.base_url) and origin_of(run.base_url) == origin_of(base_url)
        found = find_access(base_url, environ if same else {name: environ[name] for name in environ if name != OWN_KEY})
        return replace(found, arm=arm), True
    has_home = variable in HOMES
    home, home_problem = _home(variable, environ) if has_home else (run.base_url, run.problem)
    key = environ.get(variable, "").strip()
    access = Access(
        base_url=base_url or home,
        given=True,
        key=Secret(key) if key else None,
        variable=variable,
        problem="" if base_url else home_problem,
        arm=arm,
        names_variable=True,
    )
    # Decided by the table alone: the same on every machine, because the keys of recordings depend on it.
    return access, bool(base_url) or has_home


def looks_like_a_key(text: str) -> bool:
    """Tell whether a text that should name a variable is rather a key: it must not be shown."""
    return text.startswith(_KEY_PREFIXES) or any(map(_is_random, text.split("_")))


def _is_random(part: str) -> bool:
    has_both = any(letter.islower() for letter in part) and any(letter.isdigit() for letter in part)
    return len(part) >= 16 and has_both


def foreign_vendor(key: Secret | None, base_url: str) -> str | None:
    """Return the vendor that the key seems to come from, unless the address is that vendor's."""
    host = origin_of(base_url).host if base_url else ""
    for vendor, prefixes, domains in _VENDORS:
        if key is not None and key.reveal().startswith(prefixes):
            return None if any(f".{host}".endswith(f".{domain}") for domain in domains) else vendor
    return None


def key_warnings(key: Secret | None, base_url: str, variable: str = OWN_KEY) -> Iterator[str]:
    """Yield a warning for a key that seems to come from another vendor, without showing any of it."""
    if vendor := foreign_vendor(key, base_url):
        yield f"the key in {variable} looks like one of {vendor}, but the relay is {origin_of(base_url).host}"


def _at_home(base_url: str, keys: Mapping[str, Secret], environ: Mapping[str, str]) -> str | None:
    """Return the variable whose key may be sent to a given address."""
    if OWN_KEY in keys:
        return OWN_KEY
    homes = ((name, _home(name, environ)[0]) for name in keys)
    return next((name for name, home in homes if home and origin_of(home) == origin_of(base_url)), None)


def _home(variable: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the address that the key of a variable belongs to, and why it cannot be used, if so."""
    if not _is_chosen(variable, environ):
        return HOMES.get(variable, ""), ""
    text = environ[OPENAI_URL]
    try:
        return read_address(text), ""
    except ValueError as error:
        return "", f"environment {OPENAI_URL}: {masked(text)!r} {error}"


def _is_chosen(variable: str | None, environ: Mapping[str, str]) -> bool:
    """Tell whether the user chose the address of the variable's key."""
    return variable == "OPENAI_API_KEY" and bool(environ.get(OPENAI_URL, "").strip())
