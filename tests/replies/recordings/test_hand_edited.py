"""Recordings and journals that were edited by hand or by a tool: a message with file and line, and no wrong number."""

import json
from decimal import Decimal

import pytest

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.recordings.maintenance.check import check_file
from pytest_graysplit.replies.recordings.maintenance.tidy import merge_shards, tidy

DEEP = "[" * 500 + "]" * 500
ODD = [
    ('"latency_s":NaN', "holds a number that is not finite - at `$.latency_s`"),
    ('"latency_s":-Infinity', "holds a number that is not finite - at `$.latency_s`"),
    ('"latency_s":1e400', "holds a number that is not finite - at `$.latency_s`"),
    ('"ttft_s":-0.5', "is not a recording (Expected `float` >= 0.0 - at `$.ttft_s`)"),
    ('"backoff_s":"1"', "is not a recording (Expected `float | null`, got `str` - at `$.backoff_s`)"),
    ('"usage":{"prompt":-3}', "is not a recording (Expected `int` >= 0 - at `$.usage.prompt`)"),
    (f'"usage":{{"prompt":{10**30}}}', "is not a recording (Expected `int` <= 999999999999999 - at `$.usage.prompt`)"),
    (f'"usage":{{"prompt":1{"0" * 5000}}}', "holds a number with too many digits"),
    ('"usage":{"prompt":1.5}', "is not a recording (Expected `int`, got `float` - at `$.usage.prompt`)"),
    ('"in_flight":0', "is not a recording (Expected `int` >= 1 - at `$.in_flight`)"),
    ('"in_flight":"16"', "is not a recording (Expected `int | null`, got `str` - at `$.in_flight`)"),
    ('"in_flight":1.5', "is not a recording (Expected `int | null`, got `float` - at `$.in_flight`)"),
    ('"attempts":-1', "is not a recording (Expected `int` >= 0 - at `$.attempts`)"),
    (f'"tool_calls":{DEEP}', "is nested too deeply"),
    (f'"tool_calls":{"[" * 4500}{"]" * 4500}', "is nested too deeply"),
    ('"tool_calls":[{"n":1e999}]', "holds a number that is not finite - at `$.tool_calls[0].n`"),
    ('"tool_calls":[7]', "holds a call that is not an object - at `$.tool_calls[0]`"),
    ('"tool_calls":[{"arguments":{}}]', "holds a call whose name is not a text - at `$.tool_calls[0].name`"),
    ('"tool_calls":[{"name":7}]', "holds a call whose name is not a text - at `$.tool_calls[0].name`"),
    ('"tool_calls":[{"name":"f","arguments":"{}"}]',
     "holds a call whose arguments are not an object - at `$.tool_calls[0].arguments`"),
    ('"tool_calls":[{"name":"f","id":7}]', "holds a call whose id is not a text - at `$.tool_calls[0].id`"),
    ('"tool_calls":[{"name":"f","arguments":{"a":1},"arguments_text":"{"}]',
     "holds a call whose arguments_text cannot be combined with arguments - at `$.tool_calls[0].arguments_text`"),
    ('"tool_calls":[{"name":"f","args":{}}]',
     "holds a call with the unknown field 'args' - at `$.tool_calls[0]`"),
    ('"tool_calls":[{"name":"f","arguments":{"a":1,"a":2}}]', "names 'a' twice"),
    (f'"served_body":{DEEP}', "is nested too deeply"),
    (f'"served_body":{"[" * 4500}{"]" * 4500}', "is nested too deeply"),
    ('"served_body":{"n":1e999}', "holds a number that is not finite - at `$.served_body.n`"),
    ('"served_body":{"choices":[{"index":0,"index":1}]}', "names 'index' twice"),
    ('"served_events":["data: 1",2]', "is not a recording (Expected `str`, got `int` - at `$.served_events[1]`)"),
    ('"served_body":{},"served_status":42', "is not a recording (Expected `int` >= 100 - at `$.served_status`)"),
    ('"call":-1', "is not a recording (Expected `int` >= 0 - at `$.call`)"),
    ('"route":"audio"', "is not a recording (Invalid enum value 'audio' - at `$.route`)"),
    ('"outcome":"refusal"', "names 'outcome' twice"),
    ('"usage":{"prompt":1,"prompt":2}', "names 'prompt' twice"),
    ('"reported_cost_usd":"\\ud800"', "is not a recording (it has half a surrogate pair)"),
    ('"error_slug":7', "is not a recording (Expected `str | null`, got `int` - at `$.error_slug`)"),
]  # fmt: skip
IDS = [odd[:30] for odd, _ in ODD]


def edit(path, odd):
    """Put a field into the last line of the file."""
    head, _, last = path.read_text(encoding="utf-8").rstrip().rpartition("\n")
    old = '"outcome":"ok"'
    assert old in last
    path.write_text(f"{head}\n{last.replace(old, f'{old},{odd}')}\n".lstrip("\n"), encoding="utf-8")


@pytest.fixture
def stored(project):
    project.record((project.key(), project.reply()))
    merge_journals(project.root)
    return project.file


@pytest.mark.parametrize(("odd", "problem"), ODD, ids=IDS)
def test_invalid_reply_is_named_by_replay_check_and_tidy(project, stored, odd, problem):
    """The same words in every command; the file is not changed."""
    edit(stored, odd)
    before = stored.read_bytes()
    message = f"tests/__graysplit__/test_support.jsonl:2: {problem}"
    with pytest.raises(RecordingError) as caught:
        Recordings(project.root).reply(stored, project.key())
    (found,) = check_file(project.root, stored, str)
    tidied = [error for error in tidy(project.root, [stored]) if isinstance(error, RecordingError)]
    assert [error.problem for error in (caught.value, found, *tidied)] == [message] * 3
    assert {error.slug for error in (caught.value, found, *tidied)} == {"recording-broken"}
    assert stored.read_bytes() == before


@pytest.mark.parametrize(("odd", "problem"), ODD, ids=IDS)
def test_invalid_journal_entry_is_set_aside(project, odd, problem):
    """The other entries are merged, and no recording file gets the invalid one."""
    mine = project.record((project.key("a"), project.reply()), (project.key("b"), project.reply()))
    edit(mine.path, odd)
    mine.path.write_bytes(
        mine.path.read_bytes().rstrip()
    )  # an editor that does not end the last line: this is not a torn line
    report = merge_journals(project.root)
    assert report.replies == 1
    assert report.warnings[0].startswith(f".graysplit/journal/{mine.path.name}:2: {problem.split(' - at')[0]}")
    assert list(check_file(project.root, project.file, str)) == []
    assert mine.path.with_suffix(".unreadable").exists()


def test_invalid_reply_of_a_shard_is_not_merged(project, stored, tmp_path):
    """Lines of a shard are read completely before they are written."""
    edit(stored, '"latency_s":-1')
    *_, error, last = merge_shards([project.root], tmp_path / "all")
    assert "test_support.jsonl:2: is not a recording (Expected `float` >= 0.0" in str(error)
    assert last == "shards: 1, recording files: 0, changed: 0"


@pytest.mark.parametrize("cost", ['"NaN"', "NaN", '"1e400"', "1e400", "-1", '"-0.5"', '"Infinity"', "1e12"])
def test_implausible_cost_is_unknown_and_does_not_break_a_replay(project, stored, cost):
    """An older version stored any cost that a relay reported; the check reports it, and every reply is replayed."""
    edit(stored, f'"reported_cost_usd":{cost}')
    reply = Recordings(project.root).reply(stored, project.key())
    assert (reply.text, reply.reported_cost_usd) == ("30 days.", None)
    (found,) = check_file(project.root, stored, str)
    assert found.slug == "recording-cost"
    assert found.problem.startswith("tests/__graysplit__/test_support.jsonl:2: reported_cost_usd is ")
    assert not [line for line in tidy(project.root, [stored]) if isinstance(line, RecordingError)]


def test_implausible_cost_in_a_journal_is_merged_as_unknown(project):
    """The reply was paid for."""
    mine = project.record((project.key(), project.reply(reported_cost_usd=Decimal("NaN"))))
    edit(mine.path, '"x":1')
    assert merge_journals(project.root).replies == 1
    assert Recordings(project.root).reply(project.file, project.key()).reported_cost_usd is None


def test_half_a_surrogate_pair_is_kept(project, stored):
    """Models do send them."""
    edit(stored, '"finish_reason":"\\ud800"')
    assert Recordings(project.root).reply(stored, project.key()).finish_reason == "\ud800"
    assert list(check_file(project.root, stored, str)) == []


def test_a_body_that_is_nested_too_deeply_is_named(project, stored):
    """A request is read where a miss is explained, checked or tidied."""
    text = stored.read_text(encoding="utf-8")
    stored.write_text(text.replace('"temperature":0', f'"temperature":{DEEP}'), encoding="utf-8")
    (found,) = check_file(project.root, stored, str)
    assert found.problem == "tests/__graysplit__/test_support.jsonl:1: is nested too deeply"
    with pytest.raises(RecordingError, match="no recording for case"):
        raise Recordings(project.root).explain_miss(stored, project.key("b", body={}), {}, "pytest")


def test_journal_with_marks_and_line_ends_of_another_system_is_merged(project):
    """An editor may have saved it."""
    mine = project.record((project.key(), project.reply()))
    mine.path.write_bytes(b"\xef\xbb\xbf" + mine.path.read_bytes().replace(b"\n", b"\r\n\r\n"))
    report = merge_journals(project.root)
    assert (report.replies, report.warnings, mine.path.exists()) == (1, (), False)


@pytest.mark.parametrize("name", ["{0}/x.jsonl", "../x.jsonl", "tests/../../x.jsonl", "link/x.jsonl", "a\\u0000.jsonl",
                                  "C:/x.jsonl", "D:x.jsonl", "\\\\\\\\host\\\\share\\\\x.jsonl", "..\\\\x.jsonl",
                                  "\\ud800/x.jsonl"])  # fmt: skip
def test_entry_for_a_file_outside_the_project_is_set_aside(tmp_path, project_class, name):
    """Absolute, upwards, or by a link: nothing is written there, the rest is merged, the journal is kept."""
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project = project_class(root)
    elsewhere.mkdir()
    mine = project.record((project.key("a"), project.reply()), (project.key("b"), project.reply()))
    (root / "link").symlink_to(elsewhere)
    first, second = mine.path.read_text(encoding="utf-8").splitlines()
    second = second.replace('"tests/__graysplit__/test_support.jsonl"', f'"{name.format(elsewhere)}"')
    mine.path.write_text(f"{first}\n{second}\n", encoding="utf-8")
    report = merge_journals(root)
    assert report.replies == 1
    (problem,) = report.problems
    assert problem.slug == "recording-outside"
    assert problem.problem.startswith(f".graysplit/journal/{mine.path.name}:2: records into ")
    assert mine.path.with_suffix(".unreadable").exists()
    assert list(elsewhere.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "project"]


@pytest.mark.parametrize("stored_at", ["2999-01-01T00:00:00Z", "zzzz", "2026-11-24T10:00:00Z"])
def test_mode_all_keeps_its_replies_with_a_clock_set_back(project, stored_at):
    """The replies that were just paid for must not be discarded; of two new ones the newer wins."""
    project.record((project.key(), project.reply("old", at=stored_at)))
    merge_journals(project.root)
    project.record((project.key(), project.reply("newest", at="2020-01-02T00:00:00Z")), mode="all", run_id="a")
    project.record((project.key(), project.reply("newer", at="2020-01-01T00:00:00Z")), mode="all", run_id="b")
    merge_journals(project.root)
    assert [json.loads(line).get("text") for line in project.lines()] == [None, "newest"]


def test_invalid_time_of_a_reply_is_the_oldest(project):
    """Otherwise a hand-edited line would win over every later reply."""
    project.record((project.key(), project.reply("old", at="zzzz")))
    merge_journals(project.root)
    project.record((project.key(), project.reply("new")))
    merge_journals(project.root)
    assert [json.loads(line).get("text") for line in project.lines()] == [None, "new"]


def test_reply_without_a_case_is_not_read_as_a_request(project, stored):
    """It would replace the body under its hash."""
    text = stored.read_text(encoding="utf-8")
    request, reply = text.splitlines()
    odd = {**json.loads(reply), "case": None}
    stored.write_text(f"{request}\n{reply}\n{json.dumps(odd)}\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"test_support.jsonl:3: is not a recording .it names a model and no case"):
        Recordings(project.root).keys(stored)
    stored.write_text(f'{request}\n{reply}\n{{"request":"{odd["request"]}","format":1}}\n', encoding="utf-8")
    with pytest.raises(RecordingError, match=r"test_support.jsonl:3: is not a recording .*`body`"):
        Recordings(project.root).keys(stored)
