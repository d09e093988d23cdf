"""The requests of an application in recordings: equal ones have numbers, and a miss names the nearest call."""

import json
import shutil

import pytest

from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.recordings.maintenance.check import check_file
from pytest_graysplit.replies.recordings.maintenance.tidy import merge_shards, tidy_file
from pytest_graysplit.replies.recordings.maintenance.unused import find_unused
from pytest_graysplit.types import ReplyKey, ServedAnswer

FILE = "tests/__graysplit__/test_support.jsonl"
TEST = "test_agent[refund]"
MODEL = "gpt-4.1"


def asked(*contents, **fields):
    return {"messages": [{"role": "user", "content": content} for content in contents], **fields}


class Run:
    """The run of a test: its calls are recorded in order, a second apart."""

    def __init__(self, project, case=TEST, model=MODEL, sample=0, begins=0):
        self.project, self.case, self.model, self.sample, self.begins = project, case, model, sample, begins
        self.keys = []

    def key(self, body, call=0, route="chat"):
        return ReplyKey(self.case, self.model, request_hash(body, route), self.sample, call=call)

    def record(self, *calls, route="chat"):
        """Record (body, number among equal ones, text)."""
        journal = self.project.journal(run_id=f"run-{self.begins}")
        for body, call, text in calls:
            at = f"2026-11-23T10:{self.begins:02}:{len(self.keys):02}.000Z"
            reply = self.project.reply(
                text, self.model, at, route=route, served=ServedAnswer(body={"said": text}, events=())
            )
            self.keys.append(self.key(body, call, route))
            journal.append(self.project.file, self.keys[-1], body, reply)
        journal.close()
        merge_journals(self.project.root)
        return self

    def texts(self, *calls):
        recordings = Recordings(self.project.root)
        found = [recordings.reply(self.project.file, self.key(body, call)) for body, call in calls]
        return [reply and reply.text for reply in found]

    def miss(self, body, call=0, role="control"):
        return Recordings(self.project.root).explain_miss(
            self.project.file, self.key(body, call), body, "pytest --graysplit-record=new", role, is_call=True
        )


@pytest.fixture
def tool_loop(project):
    """Return a run of four calls: one request twice, then two that continue it."""
    body = asked("Refund order 17")
    second = asked("Refund order 17", "lookup: bought 2026-11-20")
    third = asked("Refund order 17", "lookup: bought 2026-11-20", "refund: done")
    return Run(project).record((body, 0, "try"), (body, 1, "again"), (second, 0, "lookup"), (third, 0, "Done."))


def test_equal_requests_have_different_answers(project, tool_loop):
    """They share one request in the file; the first has no number there, as in older recordings."""
    body = asked("Refund order 17")
    assert tool_loop.texts((body, 0), (body, 1), (body, 2)) == ["try", "again", None]
    lines = [json.loads(line) for line in project.lines()]
    assert {line["text"]: line.get("call") for line in lines if "text" in line} == {
        "try": None, "again": 1, "lookup": None, "Done.": None,
    }  # fmt: skip
    assert sum("body" in line for line in lines) == 3


def test_whole_answer_is_replayed(project):
    """Body or events, status and route; chat and 200 are not written."""
    run = Run(project)
    journal = project.journal()
    stream = ServedAnswer(status=201, events=("event: a\ndata: {}", "data: [DONE]"))
    answers = {"messages": stream, "chat": ServedAnswer(body={"data": [{"embedding": [0.25, -1e-9]}]})}
    for route, served in answers.items():
        reply = project.reply("Hi", route=route, served=served)
        journal.append(project.file, run.key(project.body, route=route), project.body, reply)
    journal.close()
    merge_journals(project.root)
    recordings = Recordings(project.root)
    for route, served in answers.items():
        reply = recordings.reply(project.file, run.key(project.body, route=route))
        assert (reply.route, reply.served, reply.replayed) == (route, served, True)
    chat, messages = sorted((json.loads(line) for line in project.lines()[2:]), key=lambda line: line.get("route", ""))
    assert [messages[name] for name in ("route", "served_status")] == ["messages", 201]
    assert chat.keys().isdisjoint({"route", "served_status", "served_events"})
    assert list(check_file(project.root, project.file, str)) == []


def test_tidy_and_merge_keep_every_call(project, tool_loop, tmp_path):
    """The file has one form; of two answers to the same call the newer one wins, whichever shard has it."""
    whole = project.file.read_bytes()
    project.file.write_bytes(b"\n".join(reversed(whole.splitlines())) + b"\n")
    tidy_file(project.root, project.file)
    assert project.file.read_bytes() == whole
    shard = tmp_path / "shard"
    shutil.copytree(project.root / "tests", shard / "tests")
    newer = whole.replace(b'"again"', b'"newer"').replace(b"10:00:01", b"11:00:01")
    (shard / project.file.relative_to(project.root)).write_bytes(newer)
    list(merge_shards([shard], project.root))
    body = asked("Refund order 17")
    assert tool_loop.texts((body, 0), (body, 1)) == ["try", "newer"]


def test_renamed_test_finds_its_own_calls(project):
    """Two tests begin with the same request and go on with the answers to it; the newer one is another test."""
    start = asked("Which tool?")
    for begins, (case, answer) in enumerate([("test_agent[refund]", "refund"), ("test_agent[parcel]", "track")]):
        calls = [
            (start, 0, answer),
            (start, 1, f"{answer} again"),
            (asked("Which tool?", answer), 0, f"{answer}: done"),
        ]
        Run(project, case=case, begins=begins).record(*calls)
    for case, answer in (("test_support[refund]", "refund"), ("test_support[parcel]", "track")):
        renamed = Run(project, case=case)
        follow_up = asked("Which tool?", answer)
        assert renamed.texts((start, 0), (start, 1), (follow_up, 0)) == [answer, f"{answer} again", f"{answer}: done"]
    assert Run(project, case="test_support[refund]", model="other").texts((start, 0)) == [None]


def test_miss_names_the_nearest_call_and_the_difference(tool_loop):
    """The call of the run that has most in common with the request, its number, and the command."""
    body = asked("Refund order 17", "lookup: bought 2026-11-21", "refund: done")
    assert str(tool_loop.miss(body)) == (
        f"no recording for a call of case '{TEST}' (control, gpt-4.1)\n"
        f"  {FILE} has one that differs, call 4 of 4:\n"
        '    messages[1].content: "lookup: bought 2026-11-20" -> "lookup: bought 2026-11-21"\n'
        "  hint: run once with pytest --graysplit-record=new; a part that differs in every run belongs in `ignore` of "
        "[tool.graysplit.app]  [recording-missing]"
    )


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (asked("Refund order 18"), ["call 1 of 4:", 'messages[0].content: "Refund order 17" -> "Refund order 18"']),
        (
            asked("Refund order 17", "lookup: bought 2026-11-20", "refund: failed"),
            ["call 4 of 4:", 'messages[2].content: "refund: done" -> "refund: failed"'],
        ),
        (
            asked("Refund order 17", "lookup: bought 2026-11-20", temperature=1),
            ["call 3 of 4:", "temperature: (not sent) -> 1"],
        ),
    ],
    ids=["first", "last", "parameter"],
)
def test_nearest_call_is_the_most_similar_one(tool_loop, body, lines):
    """Not the one with the highest number, and not the first."""
    first, *rest = tool_loop.miss(body).problem.splitlines()[1:]
    assert [first.rpartition("differs, ")[2], *map(str.strip, rest)] == lines


def test_miss_of_one_more_equal_request(tool_loop):
    """A longer loop than the recorded one; no part of the request differs, so none can be ignored."""
    error = tool_loop.miss(asked("Refund order 17"), call=2)
    assert error.problem.splitlines()[1:] == [
        f"  {FILE} has one that differs, call 2 of 4:",
        "    the same request is recorded 2 times, and this is number 3",
    ]
    assert error.hint == "run once with pytest --graysplit-record=new"


def test_miss_of_the_other_arm(project, tool_loop):
    """The request is recorded for the control alone: the model is the difference."""
    error = Run(project, model="gpt-4.1-mini").miss(asked("Refund order 17"), role="treatment")
    assert error.problem.splitlines() == [
        f"no recording for a call of case '{TEST}' (treatment, gpt-4.1-mini)",
        f"  {FILE} has one that differs, call 1 of 4:",
        "    model: gpt-4.1 -> gpt-4.1-mini",
    ]


def test_miss_of_another_sample_counts_the_calls_of_its_own_run(project, tool_loop):
    """Each sample is a run of its own."""
    Run(project, sample=1, begins=1).record((asked("Refund order 17"), 0, "once"))
    lines = Run(project, sample=1).miss(asked("Refund order 18")).problem.splitlines()
    assert lines[1] == f"  {FILE} has one that differs, call 1 of 1:"


def test_miss_without_any_recording(project):
    """The file does not exist yet."""
    error = Run(project).miss(asked("Hi"))
    assert error.problem.splitlines()[1:] == [f"  {FILE} holds no replies"]


def findings(project, *cases):
    requested = {project.file.resolve(): {ReplyKey(case, "", "", 0) for case in cases}}
    return [str(one).splitlines()[0] for one in find_unused(project.root, project.file, requested)]


def test_answers_to_applications_are_used_while_there_is_a_test_of_one(project, tool_loop):
    """A collection does not show which requests a test makes, and one test may use the answers of another."""
    project.record((project.key(), project.reply()), run_id="prompt")
    merge_journals(project.root)
    prompt = "no case asks for 'refund-policy' (claude-sonnet-4.5, sample 0)"
    assert [one.partition(": ")[2] for one in findings(project, TEST)] == [prompt]
    assert [one.partition(": ")[2] for one in findings(project, "test_other")] == [prompt]
    assert len(findings(project)) == 5
    tidy_file(project.root, project.file, {project.file.resolve(): {ReplyKey(TEST, "", "", 0)}})
    assert Recordings(project.root).keys(project.file) == set(tool_loop.keys)
