"""Streams of the loopback relay on routes beside chat: the events of an answer, in the order of the real APIs."""

import json

from relay_server.answers import stream


def events_for(answer, route, *, usage):
    """Return an answer in the shape of its route as the bytes of its events; `usage` asks for it in a chat stream."""
    if route == "responses" and answer.get("object") == "response":
        return [_named(event | {"sequence_number": place}) for place, event in enumerate(_of_response(answer))]
    if route == "messages" and answer.get("type") == "message":
        return [_named(event) for event in _of_message(answer)]
    if route == "messages":
        return [_named(answer)]
    if not answer.get("choices"):
        return [b"data: " + json.dumps(answer).encode() + b"\n\n"]
    return stream(answer, usage=usage)


def words_of(text):
    """Split a text into words with the blank before each."""
    first, *others = text.split(" ")
    return [word for word in (first, *(f" {word}" for word in others)) if word]


def _named(event):
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _of_response(answer):
    begun = answer | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(answer["output"]):
        began = item | {name: [] for name in ("content", "summary") if name in item}
        began |= {"status": "in_progress"} | ({"arguments": ""} if "arguments" in item else {})
        yield {"type": "response.output_item.added", "output_index": place, "item": began}
        where = {"item_id": item["id"], "output_index": place}
        yield from _of_item(item, where)
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": f"response.{answer['status']}", "response": answer}


def _of_item(item, where):
    if "arguments" in item:
        half = len(item["arguments"]) // 2
        for piece in filter(None, (item["arguments"][:half], item["arguments"][half:])):
            yield {"type": "response.function_call_arguments.delta", **where, "delta": piece}
        yield {"type": "response.function_call_arguments.done", **where, "arguments": item["arguments"]}
    for place, part in enumerate(item.get("summary", ())):
        here, kind = where | {"summary_index": place}, "response.reasoning_summary"
        yield {"type": f"{kind}_part.added", **here, "part": part | {"text": ""}}
        yield from ({"type": f"{kind}_text.delta", **here, "delta": word} for word in words_of(part["text"]))
        yield {"type": f"{kind}_text.done", **here, "text": part["text"]}
        yield {"type": f"{kind}_part.done", **here, "part": part}
    for place, part in enumerate(item.get("content", ())):
        here, field = where | {"content_index": place}, "refusal" if part["type"] == "refusal" else "text"
        kind = f"response.{part['type']}"
        yield {"type": "response.content_part.added", **here, "part": part | {field: ""}}
        yield from ({"type": f"{kind}.delta", **here, "delta": word, "logprobs": []} for word in words_of(part[field]))
        yield {"type": f"{kind}.done", **here, field: part[field], "logprobs": []}
        yield {"type": "response.content_part.done", **here, "part": part}


def _of_message(answer):
    usage = answer["usage"]
    begun = answer | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for place, block in enumerate(answer["content"]):
        yield {"type": "content_block_start", "index": place, "content_block": block | _EMPTY[block["type"]]}
        if place == 0:
            yield {"type": "ping"}
        yield from ({"type": "content_block_delta", "index": place, "delta": delta} for delta in _deltas(block))
        yield {"type": "content_block_stop", "index": place}
    ends = {"stop_reason": answer["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ends, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


_EMPTY = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}


def _deltas(block):
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": word} for word in words_of(block["text"]))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": word} for word in words_of(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        text = json.dumps(block["input"])
        for piece in ("", text[: len(text) // 2], text[len(text) // 2 :]):
            yield {"type": "input_json_delta", "partial_json": piece}
