"""Other APIs of the loopback relay: their requests as chat requests, and chat completions and errors as their answers.

Every answer is made as a chat completion first, so that faults, limits and bills are the same on each route.
"""

import json

from relay_server.answers import error, prompt_of, text_of

ROUTES = {"/chat/completions": "chat", "/embeddings": "embeddings", "/responses": "responses", "/messages": "messages"}


def route_of(path):
    """Return the route of a path, None for any other path."""
    return next((route for end, route in ROUTES.items() if path.endswith(end)), None)


def as_chat(body, route):
    """Return a request of any route as a chat request; tool results become messages of the role tool."""
    if route == "responses":
        given = body.get("input") or []
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        first = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
        return body | {"messages": [*first, *map(_of_item, items)]}
    if route == "messages":
        first = [{"role": "system", "content": body["system"]}] if body.get("system") else []
        return body | {"messages": [*first, *map(_of_blocks, body.get("messages") or [])]}
    return body


def scripted(script, body):
    """Return the first row of a script that fits a chat request, None without one.

    A row may name a `model`, the number of `messages` (with the system prompt), the number of tool `results`, and words
    to `match`; it answers with `text` and `tool_calls`, each with a name and arguments.
    """
    messages = body.get("messages") or []
    facts = {
        "model": body.get("model"),
        "messages": len(messages),
        "results": sum(message.get("role") == "tool" for message in messages),
    }
    fitting = (row for row in script if all(row.get(name, fact) == fact for name, fact in facts.items()))
    return next((row for row in fitting if row.get("match", "") in text_of(body)), None)


def message_of(row):
    """Return the text, the finish reason and the calls of a script's row, as `completion` takes them."""
    calls = [
        {
            "id": call.get("id", f"call_{place}"),
            "type": "function",
            "function": {"name": call["name"], "arguments": _as_text(call.get("arguments", {}))},
        }
        for place, call in enumerate(row.get("tool_calls", ()), 1)
    ]
    return row.get("text", ""), "tool_calls" if calls else "stop", {"tool_calls": calls} if calls else {}


def response_of(answer):
    """Return a chat completion as an answer of `/responses`."""
    choice, usage = answer["choices"][0], answer.get("usage")
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    cut = reasons.get(choice["finish_reason"])
    return {
        "id": "resp_loopback",
        "object": "response",
        "created_at": 1700000000,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": answer.get("model"),
        "output": list(_output(choice["message"], "incomplete" if cut else "completed")),
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage
        and {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }


def message_answer(answer):
    """Return a chat completion as an answer of Anthropic's `/messages`."""
    choice, usage = answer["choices"][0], answer.get("usage") or {}
    message, blocks = choice["message"], []
    if message.get("reasoning_content"):
        blocks.append({"type": "thinking", "thinking": message["reasoning_content"], "signature": "loopback"})
    if text := message.get("content") or message.get("refusal"):
        blocks.append({"type": "text", "text": text})
    for call in message.get("tool_calls") or ():
        name, given = call["function"]["name"], _as_object(call["function"]["arguments"])
        blocks.append({"type": "tool_use", "id": call["id"], "name": name, "input": given})
    reasons = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
    reason = "refusal" if message.get("refusal") else reasons.get(choice["finish_reason"], "end_turn")
    return {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": answer.get("model"),
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.get("prompt_tokens", 0),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": usage.get("completion_tokens", 0),
        },
    }


def in_shape(answer, route):
    """Return a chat completion or an error in the shape of a route; any other answer as it is."""
    if route == "messages" and answer.get("error"):
        kind = answer["error"].get("type") or "invalid_request_error"
        return {"type": "error", "error": {"type": kind, "message": answer["error"]["message"]}}
    if not answer.get("choices"):
        return answer
    return {"responses": response_of, "messages": message_answer}.get(route, dict)(answer)


def unversioned(headers):
    """Return Anthropic's error for a request without the header of its version, None where it is there."""
    return None if headers.get("anthropic-version") else error("anthropic-version: header is required")


def _of_item(item):
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": _plain(item.get("output"))}
    if kind == "function_call":
        return {"role": "assistant", "content": "", "tool_calls": [item]}
    return {"role": item.get("role", "assistant"), "content": item.get("content") or ""}


def _of_blocks(message):
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    results = [block for block in blocks if block.get("type") == "tool_result"]
    if results:
        return {"role": "tool", "content": " ".join(_plain(result.get("content")) for result in results)}
    return message


def _plain(content):
    return prompt_of({"messages": [{"content": content or ""}]})


def _as_text(arguments):
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _as_object(text):
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {"text": text}


def _output(message, status):
    if message.get("reasoning_content"):
        summary = [{"type": "summary_text", "text": message["reasoning_content"]}]
        yield {"id": "rs_loopback", "type": "reasoning", "summary": summary}
    refusal = message.get("refusal")
    part = {"type": "output_text", "text": message.get("content"), "annotations": []}
    if refusal or message.get("content"):
        content = [{"type": "refusal", "refusal": refusal} if refusal else part]
        yield {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content}
    for place, call in enumerate(message.get("tool_calls") or (), 1):
        named = {"call_id": call["id"], "status": "completed", **call["function"]}
        yield {"id": f"fc_{place}", "type": "function_call", **named}
