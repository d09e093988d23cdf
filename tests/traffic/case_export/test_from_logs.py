"""Logs of other tools become cases, and the logged answers recordings of the control."""

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from pytest_graysplit.cases import build_case
from pytest_graysplit.errors import UsageError
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings.recording_file import RecordingFile
from pytest_graysplit.traffic.case_export.from_logs import LogOptions, import_logs
from pytest_graysplit.types import ReplyKey, ToolCall, Usage

HI = [{"role": "user", "content": "Hi"}]
BEGIN, FIRST, END = "2026-11-01T10:00:00Z", "2026-11-01 10:00:00.500", "2026-11-01T10:00:02+00:00"
TOOL = [{"type": "function", "function": {"name": "f"}}]


def user(text):
    return [{"role": "user", "content": text}]


def completion(text="Hello", model="gpt-4o-2024-08-06", **message):
    """Return an answer as a relay sends it."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    return {"id": "c", "created": 1793527200, "model": model, "choices": [choice], "usage": usage}


def pair(text="Hi", answer="Hello", model="gpt-4o", **params):
    return {"request": {"model": model, "messages": user(text), **params}, "response": completion(answer)}


@pytest.fixture
def import_entries(tmp_path):
    """Return a function that writes entries as JSON lines and imports them."""

    def run(*entries, name="log.jsonl", **options):
        path = tmp_path / name
        lines = [one if isinstance(one, str) else json.dumps(one) for one in entries]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return import_logs([path], LogOptions(size=options.pop("size", 100), seed=0, **options))

    return run


def replies_of(made):
    """Return the recorded reply of each case that has one, found as a run of the case file finds it."""
    file = RecordingFile("x.jsonl", made.lines)
    found = {}
    for row in made.rows:
        case = build_case(row, where="")
        body = {"messages": list(case.messages), **case.params}
        found[case.prompt] = file.reply(ReplyKey(case.id, made.control, request_hash(body), 0))
    return found


def only_call(made):
    """Return the row and the reply of an import with one case."""
    assert made.counts.left_out == {}
    [row], [reply] = made.rows, replies_of(made).values()
    return row, reply


LITELLM = {
    "request_id": "1",
    "call_type": "acompletion",
    "spend": 0.0012,
    "startTime": BEGIN,
    "endTime": END,
    "completionStartTime": FIRST,
    "model": "openai/gpt-4o-2024-08-06",
    "model_group": "gpt-4o",
    "cache_hit": "False",
    "messages": HI,
    "response": completion(),
    "proxy_server_request": {"model": "gpt-4o", "messages": HI, "temperature": 0.2, "litellm_call_id": "x"},
    "status": "success",
}
LANGFUSE = {
    "id": "1",
    "type": "GENERATION",
    "traceId": "t",
    "model": "gpt-4o",
    "modelParameters": {"temperature": "0.2", "max_tokens": "Infinity"},
    "input": {"messages": HI},
    "output": {"role": "assistant", "content": "Hello"},
    "startTime": BEGIN,
    "completionStartTime": FIRST,
    "endTime": END,
    "usageDetails": {"input": 9, "output": 2, "total": 11},
    "calculatedTotalCost": 0.0012,
}
LANGSMITH = {
    "id": "1",
    "run_type": "llm",
    "start_time": BEGIN,
    "first_token_time": FIRST,
    "end_time": END,
    "extra": {"invocation_params": {"model": "gpt-4o", "temperature": 0.2, "_type": "openai-chat", "stop": None}},
    "inputs": {
        "messages": [[{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "Hi"}}]]
    },
    "outputs": {
        "generations": [
            [
                {
                    "text": "Hello",
                    "message": {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": {"content": "Hello"}},
                }
            ]
        ]
    },
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "total_cost": "0.0012",
}


@pytest.mark.parametrize("entry", [LITELLM, LANGFUSE, LANGSMITH], ids=["litellm", "langfuse", "langsmith"])
def test_call_keeps_what_its_log_tells(import_entries, entry):
    """Model, parameters, answer, tokens, cost, time and latency; a limit without an end is left out."""
    row, reply = only_call(import_entries(entry))
    assert (row["prompt"], row["params"]) == ("Hi", {"temperature": 0.2})
    assert (reply.model, reply.text, reply.outcome) == ("gpt-4o", "Hello", "ok")
    assert reply.usage == Usage(prompt=9, completion=2, total=11)
    assert (reply.reported_cost_usd, reply.latency_s, reply.ttft_s) == (Decimal("0.0012"), 2.0, 0.5)
    assert (reply.at, reply.params_unknown, reply.replayed) == ("2026-11-01T10:00:00.000Z", False, True)


def test_request_of_openai_keeps_its_parameters(import_entries):
    """Except those of delivery; a latency is kept with the moment of the answer."""
    made = import_entries(pair(temperature=0, seed=3, stream=True, user="bob", tools=TOOL) | {"latency_ms": 900})
    row, reply = only_call(made)
    assert row["params"] == {"temperature": 0, "seed": 3, "tools": TOOL}
    assert (reply.latency_s, reply.at, reply.served_model) == (0.9, "2026-11-01T10:00:00.000Z", "gpt-4o-2024-08-06")
    assert reply.params_unknown is False


@pytest.mark.parametrize(
    "entry",
    [
        {"messages": [*HI, {"role": "assistant", "content": "Hello"}]},
        {"messages": HI, "completion": "Hello", "model": "gpt-4o"},
        LANGFUSE | {"modelParameters": {}, "model": None},
        LANGSMITH | {"extra": {}},
        LITELLM | {"proxy_server_request": "{}"},
    ],
    ids=["fine-tuning", "flat", "langfuse", "langsmith", "litellm"],
)
def test_log_without_parameters_marks_the_answer(import_entries, entry):
    """Also without a model, which --control names."""
    made = import_entries(entry, control="gpt-4o")
    row, reply = only_call(made)
    assert "params" not in row
    assert (reply.text, reply.params_unknown) == ("Hello", True)
    assert made.unknown_params == 1


def test_tool_call_without_its_tools_marks_the_answer(import_entries):
    """A log that tells the temperature and not the tools tells too little."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = {"role": "assistant", "content": None, "tool_calls": [call]}
    tools = {"messages": user("Known"), "tools": TOOL}
    made = import_entries(LANGFUSE | {"output": answer}, LANGFUSE | {"output": answer, "input": tools})
    assert {prompt: reply.params_unknown for prompt, reply in replies_of(made).items()} == {"Hi": True, "Known": False}


def test_latency_without_its_moment_is_unknown(import_entries):
    """It would count as measured side by side with the treatment's."""
    entry = {
        "request": {"model": "m", "messages": HI},
        "response": {"choices": completion()["choices"]},
        "latency_s": 2,
    }
    _, reply = only_call(import_entries(entry))
    assert (reply.latency_s, reply.at) == (None, None)


def test_answer_from_a_cache_has_no_latency_and_no_cost(import_entries):
    _, reply = only_call(import_entries(LITELLM | {"cache_hit": "True", "spend": 0}))
    assert (reply.latency_s, reply.ttft_s, reply.reported_cost_usd) == (None, None, None)


def test_streamed_answer_is_joined(import_entries):
    """From its chunks, or from the text of the stream; with tool calls."""
    delta = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
    more = {"index": 0, "function": {"arguments": ":1}"}}
    chunks = [
        {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [delta]}}],
        },
        {"choices": [{"index": 0, "delta": {"tool_calls": [more]}, "finish_reason": "tool_calls"}]},
    ]
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    made = import_entries(pair("A") | {"response": chunks}, pair("B") | {"response": text})
    assert [reply.tool_calls for reply in replies_of(made).values()] == [(ToolCall("f", {"a": 1}, "1"),)] * 2


def test_tool_calls_of_langchain_become_those_of_openai(import_entries):
    call = {"name": "f", "args": {"a": 1}, "id": "1"}
    message = {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": {"content": "", "tool_calls": [call]}}
    inputs = {
        "messages": [
            [
                {"type": "human", "data": {"content": "Hi"}},
                message,
                {"type": "tool", "data": {"content": "2", "tool_call_id": "1"}},
            ]
        ]
    }
    made = import_entries(
        LANGSMITH | {"inputs": inputs, "outputs": {"generations": [[{"text": "", "message": message}]]}}
    )
    row, reply = only_call(made)
    sent = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    assert row["messages"][1] == {"role": "assistant", "content": "", "tool_calls": [sent]}
    assert row["messages"][2] == {"role": "tool", "content": "2", "tool_call_id": "1"}
    assert reply.tool_calls == (ToolCall("f", {"a": 1}, "1"),)


def test_lines_of_batches_are_joined_by_their_id(tmp_path):
    """In any order of the files; a request without an answer is a case, an answer without a request is left out."""
    body = {"model": "gpt-4o", "messages": user("One?")}
    requests = [
        {"custom_id": "a", "method": "POST", "body": body},
        {"custom_id": "b", "body": body | {"messages": user("Two?")}},
    ]
    answers = [
        {"custom_id": name, "response": {"status_code": 200, "body": completion(name)}, "error": None} for name in "za"
    ]
    for name, lines in (("in.jsonl", requests), ("out.jsonl", answers)):
        (tmp_path / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for order in (("in.jsonl", "out.jsonl"), ("out.jsonl", "in.jsonl")):
        made = import_logs([tmp_path / name for name in order], LogOptions(size=9, seed=0))
        texts = {prompt: reply and reply.text for prompt, reply in replies_of(made).items()}
        assert texts == {"One?": "a", "Two?": None}
        assert list(made.unrecorded) == ["without an answer that can be read"]
        assert [where for _, where in made.counts.left_out.values()] == ["out.jsonl:1"]


def test_entries_that_cannot_be_cases_are_counted_with_their_place(import_entries):
    """By reason, each with the first place."""
    made = import_entries(
        pair(),
        '{"request": {"model": "gp',
        "7",
        '{"a":' + "[" * 150 + "]" * 150 + "}",
        {"hello": 1},
        pair() | {"response": {"error": {"message": "busy"}}},
        {"custom_id": "a", "body": {"model": "gpt-4o", "messages": HI}, "response": {"status_code": 500, "body": {}}},
        LITELLM | {"status": "failure"},
        LITELLM | {"messages": {}, "response": {}, "proxy_server_request": {}},
        LITELLM | {"call_type": "aembedding"},
        LANGFUSE | {"type": "SPAN"},
        LANGFUSE | {"level": "ERROR"},
        LANGSMITH | {"run_type": "chain"},
        LANGSMITH | {"error": "x"},
        pair("Other", model="gpt-4o-mini"),
        pair()
        | {
            "request": {
                "model": "gpt-4o",
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}],
            }
        },
        pair() | {"request": {"model": "gpt-4o", "messages": [{"role": "wizard", "content": "x"}]}},
        pair() | {"request": {"model": "gpt-4o", "messages": ["x"]}},
        pair() | {"request": {"model": "gpt-4o", "messages": []}},
    )
    left_out = {reason: (number, first.partition(":")[2]) for reason, (number, first) in made.counts.left_out.items()}
    assert left_out == {
        "(not a JSON object)": (3, "2"),
        "in no known format": (1, "5"),
        "failed": (5, "6"),
        "without texts": (2, "9"),
        "of another kind (aembedding)": (1, "10"),
        "of another kind (SPAN)": (1, "11"),
        "of another kind (chain)": (1, "13"),
        "of another model (gpt-4o-mini)": (1, "15"),
        "with images or files, in which personal data cannot be found": (1, "16"),
        "that cannot be written as a case (messages[0].role: unknown role 'wizard')": (1, "17"),
        "with messages of an unknown form": (1, "18"),
    }
    assert (made.counts.entries, len(made.rows), made.recorded) == (19, 1, 1)


def test_answer_of_another_form_is_not_recorded(import_entries):
    """The control is asked again: a program may have changed the answer, or another API gave it."""
    made = import_entries(
        LANGFUSE | {"output": {"label": "spam"}, "input": "A"},
        pair("B") | {"response": {"object": "response", "output": [{"type": "message", "content": []}]}},
        pair("C") | {"response": {"content": "Hello"}},
        {"custom_id": "1", "url": "/v1/embeddings", "body": {"model": "gpt-4o", "input": "D"}},
    )
    assert {prompt: bool(reply) for prompt, reply in replies_of(made).items()} == {"A": False, "B": False, "C": True}
    assert made.counts.left_out == {"without texts": (1, "log.jsonl:4")}


def test_prompt_is_one_case_with_its_first_answer(import_entries):
    """A call without an answer does not stand for its prompt if another one has an answer."""
    without = {"request": {"model": "gpt-4o", "messages": HI}}
    made = import_entries(without, pair(answer="One"), pair(answer="Two"), pair("Other?"))
    assert {prompt: reply.text for prompt, reply in replies_of(made).items()} == {"Hi": "One", "Other?": "Hello"}
    assert (made.distinct, made.repeats) == (2, 2)


def test_control_is_the_most_frequent_model_or_the_named_one(import_entries):
    entries = [pair("A", model="big"), pair("B", model="big"), pair("C", model="small")]
    assert import_entries(*entries).control == "big"
    made = import_entries(*entries, control="small")
    assert [row["prompt"] for row in made.rows] == ["C"]
    assert {reason: number for reason, (number, _) in made.counts.left_out.items()} == {"of another model (big)": 2}


@pytest.mark.parametrize(
    ("entry", "options", "message"),
    [
        ({"messages": [*HI, {"role": "assistant", "content": "x"}]}, {}, "the log does not say which model answered"),
        (pair(), {"control": "gpt-5"}, "no answer of gpt-5 is in the log"),
    ],
)
def test_log_without_the_model_is_an_error(import_entries, entry, options, message):
    with pytest.raises(UsageError, match=message):
        import_entries(entry, **options)


def test_redacted_case_has_no_recording(import_entries):
    """Its request is another one than that of the log; personal data in an answer is not recorded either."""
    entries = [pair("Mail bob@example.com?"), pair("Who?", answer="Ask bob@example.com"), pair("Plain?")]
    made = import_entries(*entries)
    assert {row["prompt"] for row in made.rows} == {"Mail <email-1>?", "Who?", "Plain?"}
    assert {prompt for prompt, reply in replies_of(made).items() if reply} == {"Plain?"}
    assert sorted(made.unrecorded) == [
        "with personal data in the answer",
        "with personal data, which was redacted in the case",
    ]
    assert b"bob" not in b"".join(made.lines)
    kept = import_entries(*entries, personal_data=True)
    assert (kept.recorded, kept.hidden) == (3, {})


def test_sample_is_drawn_by_the_seed(import_entries):
    entries = [pair(f"Question number {number}?") for number in range(40)]
    made = import_entries(*entries, size=5)
    assert (len(made.rows), made.recorded, made.distinct) == (5, 5, 40)
    assert made.rows == import_entries(*entries, size=5).rows


def test_files_of_every_kind_are_read(tmp_path):
    """CSV with JSON in its cells, one JSON list, a page of an API, a trace with observations, and gzip."""
    with Path(tmp_path / "spend.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, LITELLM)
        rows.writeheader()
        rows.writerow(
            {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in LITELLM.items()}
        )
    (tmp_path / "list.json").write_text(json.dumps([LANGFUSE | {"input": "List?"}], indent=1))
    (tmp_path / "page.json").write_text(json.dumps({"data": [LANGFUSE | {"input": "Page?"}], "meta": {}}, indent=1))
    trace = {"id": "t", "input": "x", "output": "y", "observations": [LANGFUSE | {"input": "Trace?"}]}
    (tmp_path / "trace.jsonl").write_text(json.dumps(trace))
    with gzip.open(tmp_path / "old.jsonl.gz", "wt") as file:
        file.write(json.dumps(pair("Old?")))
    names = ["spend.csv", "list.json", "page.json", "trace.jsonl", "old.jsonl.gz"]
    made = import_logs([tmp_path / name for name in names], LogOptions(size=9, seed=0))
    assert made.counts.left_out == {}
    assert {prompt: reply.text for prompt, reply in replies_of(made).items()} == dict.fromkeys(
        ("Hi", "List?", "Page?", "Trace?", "Old?"), "Hello"
    )
    assert made.counts.names() == ["3 Langfuse observations", "1 LiteLLM spend log", "1 OpenAI request"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("gone.jsonl", "no such file"), ("", "Is a directory"), ("bad.jsonl.gz", "Not a gzipped file")],
)
def test_unreadable_log_is_an_error(tmp_path, name, problem):
    (tmp_path / "bad.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(UsageError, match=rf"cannot be read: .*{problem}"):
        import_logs([tmp_path / name], LogOptions(size=1, seed=0))


def test_format_may_be_named(import_entries):
    """For entries that lack the marks of their format."""
    entry = {"input": "Hi", "output": "Hello", "model": "m"}
    assert import_entries(entry).counts.left_out == {"in no known format": (1, "log.jsonl:1")}
    assert replies_of(import_entries(entry, format="langfuse"))["Hi"].text == "Hello"
