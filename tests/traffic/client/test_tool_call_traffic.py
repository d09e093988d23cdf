"""Answers of live traffic that only call a tool: answered, logged, graded, shown and exported like any other."""

import json

from splits import CONTROL, TREATMENT, halves, user, using

from pytest_graysplit.cli import main
from pytest_graysplit.types import ToolCall

COLLECTING = 4
CALL = {"id": "c1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 1001}'}}


def test_answer_with_only_a_call_counts_as_an_answer(relay, tmp_path, capsys, monkeypatch):
    """It has the outcome ok in the log, so no arm is graded as failing, and its question becomes a case."""
    monkeypatch.chdir(tmp_path)
    prompt = json.dumps({model: {"content": None, "tool_calls": [CALL]} for model in (CONTROL, TREATMENT)})
    relay.control(faults=[{"kind": "scripted", "times": None}])

    async def work(client):
        return [await client.chat(user(prompt), unit=unit, tools=[{"type": "function"}]) for unit in range(8)]

    replies = using(halves(), work, log="traffic.jsonl")
    call = ToolCall("refund", {"order": 1001}, "c1")
    assert [(reply.outcome, reply.text, reply.tool_calls) for reply in replies] == [("ok", "", (call,))] * 8
    logged = [json.loads(line) for line in (tmp_path / "traffic.jsonl").read_text().splitlines()]
    assert {line["outcome"] for line in logged if line["kind"] == "request"} == {"ok"}
    assert main(["grade", "traffic.jsonl"]) == COLLECTING
    assert "errors and refusals   0.0 pp" in capsys.readouterr().out
    assert main(["cases", "from-traffic", "traffic.jsonl", "--params"]) == 0
    [case] = map(json.loads, (tmp_path / "traffic.graysplit.jsonl").read_text().splitlines())
    assert case["params"]["tools"] == [{"type": "function"}]
