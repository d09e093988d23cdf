"""Answers of the loopback relay: a pure function of model, messages and seed, so that tests can predict them."""

import base64
import hashlib
import json
import re
import struct
from decimal import Decimal

MODELS = ("gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2")
USD_PER_MILLION = {"input": "1", "output": "2"}

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_CRITERION = re.compile(
    r"\[answer (\w+)\]\n(.*?)\n\[end of answer \1\].*\[criterion \1\]\n(.*?)\n\[end of criterion \1\]", re.DOTALL
)


def text_of(body):
    """Return the words of every message, as one text."""
    return " ".join(_words(message.get("content")) for message in body.get("messages", ()))


def prompt_of(body):
    """Return the last message, as text."""
    messages = body.get("messages") or [{}]
    return _words(messages[-1].get("content"))


def answer_text(body):
    """Return the default answer: it names the model, the prompt and, where one was sent, the seed."""
    if str(body.get("model")).startswith("judge-"):
        return verdict(body)
    if str(body.get("model")).startswith("echo-"):
        return _words(body["messages"][0].get("content"))
    seed = f" (seed {body['seed']})" if "seed" in body else ""
    return f"Answer of {body.get('model')} to: {prompt_of(body)}{seed}"


def verdict(body):
    """Return the verdict of a judge: judge-longer prefers the longer answer, judge-first the first one."""
    if "[first answer " in text_of(body):
        return contradiction_verdict(body["model"])
    if criterion := _CRITERION.search(text_of(body)):
        return criterion_verdict(body["model"], *criterion.groups()[1:])
    found = re.findall(r"\[answer ([AB]) (\w+)\]\n(.*?)\n\[end of answer \1 \2\]", text_of(body), re.DOTALL)
    lengths = {name: len(text) for name, _, text in found}
    difference = lengths["A"] - lengths["B"]
    winners = {"judge-longer": "A" if difference > 0 else "B" if difference else "tie", "judge-first": "A"}
    winner = winners.get(body["model"])
    return json.dumps({"reason": f"{lengths}", "winner": winner}) if winner else "I would rather not say."


def criterion_verdict(model, answer, criterion):
    """Return the verdict on a rubric's criterion: of judge-words by its last word in the answer, of judge-yes always."""
    last = criterion.split()[-1]
    holds = {"judge-words": last.lower() in answer.lower(), "judge-yes": True, "judge-longer": bool(answer)}.get(model)
    if holds is None:
        return "I would rather not say."
    reason = f"The word {last!r} is {'there' if holds else 'missing'}."
    return json.dumps({"reason": reason, "verdict": "yes" if holds else "no"})


def contradiction_verdict(model):
    """Return the verdict on two answers: judge-yes sees a contradiction in all of them, and judge-words in none."""
    verdicts = {"judge-yes": "yes", "judge-words": "no"}
    return json.dumps({"reason": "As I see it.", "verdict": verdicts[model]}) if model in verdicts else "Well."


def usage_of(body, text):
    """Count words as tokens."""
    prompt, completion = len(text_of(body).split()), len(text.split())
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def cost_of(usage, price=None):
    """Return the bill of this relay, in USD: exact, at a price in USD per million tokens, given as texts."""
    price = USD_PER_MILLION if price is None else price
    dear = usage["prompt_tokens"] * Decimal(price["input"]) + usage.get("completion_tokens", 0) * Decimal(
        price["output"]
    )
    return dear / 1_000_000


def limited(body, text, finish):
    """Return the text and its finish reason under the request's own limit; tokens are words here."""
    limits = [body[name] for name in _LIMITS if isinstance(body.get(name), int)]
    words = (text or "").split()
    if not limits or len(words) <= min(limits):
        return text, finish
    return " ".join(words[: min(limits)]), "length"


def completion(body, text=None, finish="stop", **message):
    """Return a chat completion in its usual shape."""
    text, finish = limited(body, answer_text(body) if text is None else text, finish)
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1700000000,
        "model": body.get("model"),
        "system_fingerprint": "fp_loopback",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
        ],
        "usage": usage_of(body, text or message.get("refusal") or ""),
    }


def embedding(body, dimensions=64):
    """Return a vector for each text or list of tokens of the input, as numbers or in base64."""
    given = body["input"]
    inputs = given if isinstance(given, list) and given and not isinstance(given[0], int) else [given]
    words = [
        [str(token) for token in one] if isinstance(one, list) else re.findall(r"\w+", one.lower()) for one in inputs
    ]
    vectors = [_vector(one, dimensions) for one in words]
    shown = [_packed(one) for one in vectors] if body.get("encoding_format") == "base64" else vectors
    tokens = sum(map(len, words))
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(shown)],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _vector(words, dimensions):
    """Return a vector with a position for each word, by its hash: texts with the same words have one direction."""
    vector = [0.0] * dimensions
    for word in words:
        vector[int(hashlib.sha256(word.encode()).hexdigest(), 16) % dimensions] += 1.0
    return vector


def _packed(vector):
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def stream(answer, *, usage=True):
    """Return the same answer as server-sent events, one word per delta."""
    choice = answer["choices"][0]
    common = {key: answer[key] for key in ("id", "model", "system_fingerprint")} | {"object": "chat.completion.chunk"}
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in (choice["message"]["content"] or "").split(" ") if word]
    for place, delta in enumerate(deltas[2:], 2):
        deltas[place] = {"content": f" {delta['content']}"}
    if calls := choice["message"].get("tool_calls"):
        deltas.append({"tool_calls": [call | {"index": place} for place, call in enumerate(calls)]})
    events = [{**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if usage:
        events.append({**common, "choices": [], "usage": answer["usage"]})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*lines, b"data: [DONE]\n\n"]


def error(message, kind=None, code=None, param=None):
    """Return an error in the usual shape."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _words(content):
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
