"""Recordings and journals that a hand or a tool has edited: a message with file and line, and no wrong number."""

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
    ('"ttft_s":-0.5', "is no recording (Expected `float` >= 0.0 - at `$.ttft_s`)"),
    ('"backoff_s":"1"', "is no recording (Expected `float | null`, got `str` - at `$.backoff_s`)"),
    ('"usage":{"prompt":-3}', "is no recording (Expected `int` >= 0 - at `$.usage.prompt`)"),
    (f'"usage":{{"prompt":{10**30}}}', "is no recording (Expected `int` <= 999999999999999 - at `$.usage.prompt`)"),
    (f'"usage":{{"prompt":1{"0" * 5000}}}', "holds a number with too many digits"),
    ('"usage":{"prompt":1.5}', "is no recording (Expected `int`, got `float` - at `$.usage.prompt`)"),
    ('"in_flight":0', "is no recording (Expected `int` >= 1 - at `$.in_flight`)"),
    ('"in_flight":"16"', "is no recording (Expected `int | null`, got `str` - at `$.in_flight`)"),
    ('"in_flight":1.5', "is no recording (Expected `int | null`, got `float` - at `$.in_flight`)"),
    ('"attempts":-1', "is no recording (Expected `int` >= 0 - at `$.attempts`)"),
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
     "holds a call whose arguments_text stands beside arguments - at `$.tool_calls[0].arguments_text`"),
    ('"tool_calls":[{"name":"f","args":{}}]',
     "holds a call with the unknown field 'args' - at `$.tool_calls[0]`"),
    ('"tool_calls":[{"name":"f","arguments":{"a":1,"a":2}}]', "names 'a' twice"),
    ('"outcome":"refusal"', "names 'outcome' twice"),
    ('"usage":{"prompt":1,"prompt":2}', "names 'prompt' twice"),
    ('"reported_cost_usd":"\\ud800"', "is no recording (half a surrogate pair stands where no text may)"),
    ('"error_slug":7', "is no recording (Expected `str | null`, got `int` - at `$.error_slug`)"),
]  # fmt: skip
IDS = [odd[:30] for odd, _ in ODD]


def edit(path, odd):
    """Put a field into the last line of the file."""
    head, _, last = path.read_text(encoding="utf-8").rstrip().rpartition("\n")
    old = '"outcome":"ok"'
    assert old in last
    path.write_text(f"{head}\n{last.replace(old, f'{old},{odd}')}\n".lstrip("\n"), encoding="utf-8")


@pytest.fixture
def stored(bench):
    bench.record((bench.key(), bench.reply()))
    merge_journals(bench.root)
    return bench.file


@pytest.mark.parametrize(("odd", "problem"), ODD, ids=IDS)
def test_an_odd_reply_is_named_by_replay_check_and_tidy(bench, stored, odd, problem):
    """The same words wherever the file is read; the file stays as it is."""
    edit(stored, odd)
    before = stored.read_bytes()
    told = f"tests/__graysplit__/test_support.jsonl:2: {problem}"
    with pytest.raises(RecordingError) as caught:
        Recordings(bench.root).reply(stored, bench.key())
    (found,) = check_file(bench.root, stored, str)
    tidied = [error for error in tidy(bench.root, [stored]) if isinstance(error, RecordingError)]
    assert [error.problem for error in (caught.value, found, *tidied)] == [told] * 3
    assert {error.slug for error in (caught.value, found, *tidied)} == {"recording-broken"}
    assert stored.read_bytes() == before


@pytest.mark.parametrize(("odd", "problem"), ODD, ids=IDS)
def test_an_odd_journal_entry_is_set_aside(bench, odd, problem):
    """The whole entries are taken in, and no recording file takes in the odd one."""
    mine = bench.record((bench.key("a"), bench.reply()), (bench.key("b"), bench.reply()))
    edit(mine.path, odd)
    mine.path.write_bytes(mine.path.read_bytes().rstrip())  # an editor that ends no last line: odd is not torn
    report = merge_journals(bench.root)
    assert report.replies == 1
    assert report.warnings[0].startswith(f".graysplit/journal/{mine.path.name}:2: {problem.split(' - at')[0]}")
    assert list(check_file(bench.root, bench.file, str)) == []
    assert mine.path.with_suffix(".unreadable").exists()


def test_an_odd_reply_of_a_shard_is_not_merged(bench, stored, tmp_path):
    """What comes from a shard is read whole before it is written."""
    edit(stored, '"latency_s":-1')
    *_, error, last = merge_shards([bench.root], tmp_path / "all")
    assert "test_support.jsonl:2: is no recording (Expected `float` >= 0.0" in str(error)
    assert last == "shards: 1, recording files: 0, changed: 0"


@pytest.mark.parametrize("cost", ['"NaN"', "NaN", '"1e400"', "1e400", "-1", '"-0.5"', '"Infinity"', "1e12"])
def test_an_absurd_cost_is_unknown_and_breaks_no_replay(bench, stored, cost):
    """An older version stored what a relay reported; the check tells of it, and every reply is replayed."""
    edit(stored, f'"reported_cost_usd":{cost}')
    reply = Recordings(bench.root).reply(stored, bench.key())
    assert (reply.text, reply.reported_cost_usd) == ("30 days.", None)
    (found,) = check_file(bench.root, stored, str)
    assert found.slug == "recording-cost"
    assert found.problem.startswith("tests/__graysplit__/test_support.jsonl:2: reported_cost_usd is ")
    assert not [line for line in tidy(bench.root, [stored]) if isinstance(line, RecordingError)]


def test_an_absurd_cost_in_a_journal_is_taken_in_as_unknown(bench):
    """The reply was paid for."""
    mine = bench.record((bench.key(), bench.reply(reported_cost_usd=Decimal("NaN"))))
    edit(mine.path, '"x":1')
    assert merge_journals(bench.root).replies == 1
    assert Recordings(bench.root).reply(bench.file, bench.key()).reported_cost_usd is None


def test_half_a_surrogate_pair_is_kept(bench, stored):
    """Models do send them."""
    edit(stored, '"finish_reason":"\\ud800"')
    assert Recordings(bench.root).reply(stored, bench.key()).finish_reason == "\ud800"
    assert list(check_file(bench.root, stored, str)) == []


def test_a_body_that_is_nested_too_deeply_is_named(bench, stored):
    """A request is read where a miss is explained, checked or tidied."""
    text = stored.read_text(encoding="utf-8")
    stored.write_text(text.replace('"temperature":0', f'"temperature":{DEEP}'), encoding="utf-8")
    (found,) = check_file(bench.root, stored, str)
    assert found.problem == "tests/__graysplit__/test_support.jsonl:1: is nested too deeply"
    with pytest.raises(RecordingError, match="no recording for case"):
        raise Recordings(bench.root).explain_miss(stored, bench.key("b", body={}), {}, "pytest")


def test_marks_and_line_ends_of_another_system_change_nothing_in_a_journal(bench):
    """A journal that an editor has saved is merged all the same."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.write_bytes(b"\xef\xbb\xbf" + mine.path.read_bytes().replace(b"\n", b"\r\n\r\n"))
    report = merge_journals(bench.root)
    assert (report.replies, report.warnings, mine.path.exists()) == (1, (), False)


@pytest.mark.parametrize("name", ["{0}/x.jsonl", "../x.jsonl", "tests/../../x.jsonl", "link/x.jsonl", "a\\u0000.jsonl",
                                  "C:/x.jsonl", "D:x.jsonl", "\\\\\\\\host\\\\share\\\\x.jsonl", "..\\\\x.jsonl",
                                  "\\ud800/x.jsonl"])  # fmt: skip
def test_an_entry_for_a_file_outside_the_project_is_set_aside(tmp_path, bench_class, name):
    """Absolute, upwards, or by a link: nothing is written there, the rest is taken in, the journal is kept."""
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    bench = bench_class(root)
    elsewhere.mkdir()
    mine = bench.record((bench.key("a"), bench.reply()), (bench.key("b"), bench.reply()))
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
def test_a_run_that_records_all_keeps_its_replies_whatever_the_clock_says(bench, stored_at):
    """A clock that was set back must not throw away what was just paid for; of two fresh ones the newest wins."""
    bench.record((bench.key(), bench.reply("old", at=stored_at)))
    merge_journals(bench.root)
    bench.record((bench.key(), bench.reply("newest", at="2020-01-02T00:00:00Z")), mode="all", run_id="a")
    bench.record((bench.key(), bench.reply("newer", at="2020-01-01T00:00:00Z")), mode="all", run_id="b")
    merge_journals(bench.root)
    assert [json.loads(line).get("text") for line in bench.lines()] == [None, "newest"]


def test_a_garbled_moment_is_the_oldest(bench):
    """Else a hand-edited line would win over every later reply."""
    bench.record((bench.key(), bench.reply("old", at="zzzz")))
    merge_journals(bench.root)
    bench.record((bench.key(), bench.reply("new")))
    merge_journals(bench.root)
    assert [json.loads(line).get("text") for line in bench.lines()] == [None, "new"]


def test_a_reply_without_its_case_is_not_taken_for_a_request(bench, stored):
    """It would replace what was asked under its hash."""
    text = stored.read_text(encoding="utf-8")
    request, reply = text.splitlines()
    odd = {**json.loads(reply), "case": None}
    stored.write_text(f"{request}\n{reply}\n{json.dumps(odd)}\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"test_support.jsonl:3: is no recording .it names a model and no case"):
        Recordings(bench.root).keys(stored)
    stored.write_text(f'{request}\n{reply}\n{{"request":"{odd["request"]}","format":1}}\n', encoding="utf-8")
    with pytest.raises(RecordingError, match=r"test_support.jsonl:3: is no recording .*`body`"):
        Recordings(bench.root).keys(stored)
