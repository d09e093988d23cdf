"""Conclusions from the list of models, before the first paid request. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.config.options import nearest
from pytest_graysplit.config.settings import BUILT_IN_ALIASES
from pytest_graysplit.errors import RelayError, Slug
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure, failure_of, is_error, not_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Json, Redactor

Listed: TypeAlias = "dict[str, Mapping[str, Json]]"

# A relay may serve models without listing them.
NO_LIST_STATUSES = frozenset({400, 404, 405, 406, 410, 422, 501})


def known_models(payload: Json) -> Listed:
    """Return the listed models by name; empty where the list has an unknown shape."""
    rows: Json = payload
    if isinstance(payload, dict):
        rows = payload.get("data") or payload.get("models")
    known: dict[str, Mapping[str, Json]] = {}
    for row in rows if isinstance(rows, list) else ():
        table: Mapping[str, Json] = row if isinstance(row, dict) else {"id": row}
        name = table.get("id") or table.get("name")
        if isinstance(name, str) and name:
            known[name.removeprefix("models/")] = table
    return known


def read_models(response: RawResponse, redact: Redactor) -> Listed | RelayFailure:
    """Read the response to `GET /models`; a relay without that route lists nothing, which is not a failure."""
    if response.status in NO_LIST_STATUSES:
        return {}
    if not 200 <= response.status < 300:
        return failure_of(response, sent=(), redact=redact)
    try:
        payload = read_json(response.body)
    except ValueError:
        return not_json(response, redact)
    if isinstance(payload, dict) and is_error(payload):
        return failure_of(response, sent=(), redact=redact)
    return known_models(payload)


def unknown_model(
    model: str, problem: str, known: Mapping[str, object], aliases: Mapping[str, str], relay: str = "the relay"
) -> RelayError:
    """Return the error for a model that the relay does not serve, naming the nearest that it lists."""
    aka = [alias for alias, name in {**BUILT_IN_ALIASES, **aliases}.items() if name == model]
    written = f" (alias {aka[0]!r})" if aka and aka[0] in aliases else ""
    some = ", ".join(sorted(known)[:8]) + (", ..." if len(known) > 8 else "")
    near = nearest(model, list(known)) if known else ""
    return RelayError(
        f"{relay} knows no model {model!r}{written}{near} ({problem})",
        hint=f"it lists {some}" if known else "ask the operator of the relay for the names of its models",
        slug=Slug.MODEL_UNKNOWN,
    )


def unlisted_warnings(models: Sequence[str], known: Mapping[str, object]) -> Iterator[str]:
    """Yield a warning for each model that the relay does not list, or one warning for a list that has only patterns."""
    missing = [model for model in models if known and not is_listed(model, known)]
    patterns = [name for name in known if "*" in name]
    if missing and patterns:
        yield f"the model names were not checked: the relay lists patterns, such as {patterns[0]!r}"
        return
    for model in missing:
        yield f"the relay lists no model {model!r}{nearest(model, list(known))}; it may serve it all the same"


def shutdown_warnings(models: Sequence[str], known: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    """Yield a warning for each model whose shutdown the relay announces."""
    for model in models:
        if date := _date(known.get(model, {}).get("shutdown_date")):
            yield f"{model} is to be shut down on {date}, says the relay"


def is_listed(model: str, known: Mapping[str, object]) -> bool:
    """Tell whether the relay lists a model, under any spelling that relays accept for it."""
    # Ollama lists "llama3:latest" for "llama3"; routers take "model:variant" for a listed "model".
    spellings = (model, model.removeprefix("models/"), f"{model}:latest", model.partition(":")[0])
    return any(name in known for name in spellings)


def _date(value: Json) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
        return datetime.fromtimestamp(value, UTC).date().isoformat()
    return value if isinstance(value, str) else ""
