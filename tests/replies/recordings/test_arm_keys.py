"""Recordings of arms with an endpoint of their own: the name of the arm is in the key, and older files stay the same."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.recordings.maintenance.tidy import merge_shards, tidy_file
from pytest_graysplit.replies.recordings.maintenance.unused import find_unused, unused_keys
from pytest_graysplit.replies.recordings.recording_file import read_recording
from pytest_graysplit.replies.recordings.records import RecordHeader, decode_head

EXAMPLES = sorted(Path(__file__).parents[3].glob("examples/*/__graysplit__/*.jsonl"))


@pytest.fixture
def two_arms(project):
    """Return the keys of one request that a plain model and the arm `ours` have answered."""
    plain = project.key()
    ours = plain._replace(arm="ours")
    project.record((plain, project.reply("Hosted.")), (ours, project.reply("Local.")))
    merge_journals(project.root)
    return plain, ours


def test_two_arms_have_two_replies_to_one_request(project, two_arms):
    """Neither answers for the other, and only the line of the arm with an endpoint names an arm."""
    recordings = Recordings(project.root)
    assert [recordings.reply(project.file, key).text for key in two_arms] == ["Hosted.", "Local."]
    assert recordings.keys(project.file) == frozenset(two_arms)
    lines = [json.loads(line) for line in project.lines()[1:]]
    assert [line.get("arm", "(none)") for line in lines] == ["(none)", "ours"]


def test_renamed_case_finds_the_reply_of_its_own_arm(project, two_arms):
    """The name of a case does not count, that of an arm does."""
    recordings = Recordings(project.root)
    found = [recordings.reply(project.file, key._replace(case="renamed")).text for key in two_arms]
    assert found == ["Hosted.", "Local."]
    assert recordings.reply(project.file, two_arms[1]._replace(arm="theirs")) is None


def test_missing_reply_of_an_arm_is_explained_by_its_name(project, two_arms):
    """The nearest recording is that of the same model, and the arm is the difference."""
    key = two_arms[1]._replace(arm="theirs")
    error = Recordings(project.root).explain_miss(project.file, key, project.body, "pytest", "treatment")
    assert error.problem.splitlines() == [
        "no recording for case 'refund-policy' (treatment, claude-sonnet-4.5, arm theirs)",
        "  tests/__graysplit__/test_support.jsonl has one that differs:",
        "    arm: claude-sonnet-4.5 -> theirs",
    ]


def test_tidy_and_merge_keep_the_replies_of_both_arms(project, two_arms, tmp_path):
    """The file has one form, in whichever order its lines were; a shard adds the newer reply of its own arm."""
    whole = project.file.read_bytes()
    project.file.write_bytes(b"\n".join(reversed(whole.splitlines())) + b"\n")
    tidy_file(project.root, project.file)
    assert project.file.read_bytes() == whole
    shard = tmp_path / "shard"
    shutil.copytree(project.root / "tests", shard / "tests")
    there = shard / project.file.relative_to(project.root)
    there.write_bytes(whole.replace(b"Local.", b"Newer.").replace(b"10:00:00", b"11:00:00"))
    list(merge_shards([shard], project.root))
    texts = [Recordings(project.root).reply(project.file, key).text for key in two_arms]
    assert texts == ["Hosted.", "Newer."]


def test_reply_that_no_case_asks_for_is_named_with_its_arm(project, two_arms):
    """A request that a case still makes keeps the replies of all arms, because the next run may compare them."""
    recording = read_recording(project.file, "test_support.jsonl")
    assert unused_keys(recording, {two_arms[0]}) == []
    other = two_arms[0]._replace(case="other", request="0" * 16)
    findings = [str(one).splitlines()[0] for one in find_unused(project.root, project.file, {project.file: {other}})]
    assert findings == [
        "tests/__graysplit__/test_support.jsonl:2: no case asks for 'refund-policy' (claude-sonnet-4.5, sample 0)",
        "tests/__graysplit__/test_support.jsonl:3: no case asks for 'refund-policy' (claude-sonnet-4.5, arm ours, sample 0)",
    ]


class OlderHeader(msgspec.Struct):
    """The head of a line as the version before arms read it."""

    format: int
    request: str
    case: str | None = None
    model: str = ""
    sample: int = 0
    at: str = ""


def test_older_version_reads_a_file_with_arms(project, two_arms):
    """It skips the field that it does not know."""
    assert {msgspec.json.decode(line.encode(), type=OlderHeader).model for line in project.lines()} == {
        "",
        "claude-sonnet-4.5",
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_older_recordings_stay_byte_for_byte_the_same(path, tmp_path):
    """Their keys have no arm, and tidying does not change them."""
    copy = tmp_path / "tests" / "__graysplit__" / path.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes())
    tidy_file(tmp_path, copy)
    assert copy.read_bytes() == path.read_bytes()
    heads = [decode_head(line) for line in path.read_bytes().splitlines()]
    assert {head.arm for head in heads} == {""}
    assert {head.key[:4] for head in heads if head.case} == {key[:4] for key in Recordings(tmp_path).keys(copy)}
    assert all(isinstance(head, RecordHeader) for head in heads)
