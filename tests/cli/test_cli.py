"""The command reports its work, ends with the right code, and answers wrong input with one clear message."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from quiet import ADDOPTS

from pytest_graysplit import __version__
from pytest_graysplit.cli import main
from pytest_graysplit.replies.recordings import Journal, Recordings, merge_journals
from pytest_graysplit.types import Reply, ReplyKey

FILE = Path("tests/__graysplit__/test_support.jsonl")
KEY = "an-api-key-of-24-letters"
RESTORE = "restore the line from version control, or delete it and record it again with --graysplit-record=new"
REVOKE = "revoke it where it was issued, remove it from the test and version control, and record again"
INSIDE = (
    "nothing was written there, and a journal that names it is kept; record inside the project: let its "
    "root (pytest's --rootdir) hold the tests, or name a folder in it with --graysplit-recordings"
)
AFTER_DASHES = "options for pytest go after `--`: graysplit recordings check -- --graysplit-treatment=MODEL"
# A plugin that writes the requested replies at the end of a collection, as the real one does.
CONFTEST = """
    import os
    from pathlib import Path

    def pytest_collection_finish(session):
        if "GRAYSPLIT_WANTED" in os.environ and Path("wanted.jsonl").exists():
            Path(os.environ["GRAYSPLIT_WANTED"]).write_bytes(Path("wanted.jsonl").read_bytes())

    def pytest_addoption(parser):
        parser.addoption("--wish")
"""


@pytest.fixture(autouse=True)
def project_folder(tmp_path, monkeypatch):
    """Return an empty project, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOLYSHEEP_API_KEY", raising=False)
    monkeypatch.delenv("GRAYSPLIT_API_KEY", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p no:graysplit {ADDOPTS}")
    return tmp_path


@pytest.fixture
def graysplit(capsys):
    """Return a function that runs the command and returns its code, its output and its errors."""

    def run(*arguments):
        code = main(["recordings", *map(str, arguments)])
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err.splitlines()

    return run


def record_replies(*cases, root=Path(), file=FILE, text="30 days.", at="2026-11-23T10:00:00Z", merge=True):
    journal = Journal(root, mode="new", run_id="run")
    for case in cases:
        reply = Reply(model="m", outcome="ok", text=text, at=at)
        journal.append(root / file, ReplyKey(case, "m", f"{len(case):016}", 0), {"n": len(case)}, reply)
    journal.close()
    if merge:
        merge_journals(root)
    return journal


def reply_line(case, text="30 days.", at="2026-11-23T10:00:00Z"):
    return (
        f'{{"format":1,"case":"{case}","model":"m","request":"{len(case):016}","sample":0,"outcome":"ok",'
        f'"text":"{text}","at":"{at}"}}'
    )


def request_line(case):
    return f'{{"format":1,"request":"{len(case):016}","body":{{"n":{len(case)}}}}}'


def write_recording(*lines, file=FILE):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def request_replies(*cases, file=FILE):
    rows = [
        {"into": str(file), "case": case, "model": "m", "request": f"{len(case):016}", "sample": 0} for case in cases
    ]
    Path("wanted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("conftest.py").write_text(dedent(CONFTEST))


def test_version_and_help(capsys):
    """The version is that of the package, and the help lists the exit codes."""
    for argument, output in (("--version", f"graysplit {__version__}\n"), ("--help", "exit codes: 0 done")):
        with pytest.raises(SystemExit) as ended:
            main([argument])
        assert ended.value.code == 0
        assert output in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["recordings"], ["recordings", "merge"], ["recordings", "merge", "x"]])
def test_missing_arguments_are_named(arguments, capsys):
    """A wrong command line is answered with the usage."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: the following arguments are required: " in capsys.readouterr().err


def test_module_runs_the_command(project_folder):
    """`python -m pytest_graysplit` works if scripts are not on the path, and a closed pipe gives no traceback."""
    command = f"{sys.executable} -m pytest_graysplit recordings"
    write_recording(*(f"broken {n}" for n in range(5000)))
    run = subprocess.run(f"{command} check | head -1", shell=True, capture_output=True, text=True, check=False)
    assert run.stdout.startswith("tests/__graysplit__/test_support.jsonl:1: is not JSON")
    assert run.stderr == ""
    run = subprocess.run(f"{command} check nope", shell=True, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 2)


def test_ctrl_c_ends_without_a_traceback(graysplit, monkeypatch):
    """An interrupted command ends with the code that shells expect."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_graysplit.cli.recordings.find_recordings", interrupted)
    assert graysplit("check") == (130, [], [])


def test_tidy_sorts_lines(graysplit):
    """The newest reply wins, requests without replies are dropped, and a second run changes nothing."""
    write_recording(
        reply_line("b"),
        request_line("unasked"),
        reply_line("a", "old", "2026-11-22T10:00:00Z"),
        request_line("a"),
        reply_line("a", "new"),
    )
    assert graysplit("tidy") == (0, [f"{FILE}: rewritten (lines: 5 -> 3)", "recording files: 1, rewritten: 1"], [])
    assert FILE.read_text().splitlines() == [request_line("a"), reply_line("a", "new"), reply_line("b")]
    assert graysplit("tidy") == (0, ["recording files: 1, rewritten: 0"], [])


def test_tidy_keeps_both_sides_of_a_conflict(graysplit):
    """Markers are removed and the replies of both branches stay; the newer reply to a case wins."""
    write_recording(
        "<<<<<<< HEAD",
        reply_line("a", "ours", "2026-11-23T11:00:00Z"),
        reply_line("b"),
        "||||||| base",
        reply_line("a", "base"),
        "=======",
        reply_line("a", "theirs"),
        reply_line("c"),
        ">>>>>>> topic",
    )
    assert graysplit("tidy", FILE)[0] == 0
    assert FILE.read_text().splitlines() == [
        reply_line("a", "ours", "2026-11-23T11:00:00Z"),
        reply_line("b"),
        reply_line("c"),
    ]


def test_tidy_recovers_journals_of_interrupted_runs(graysplit):
    """Their paid replies are kept, and torn lines are reported."""
    journal = record_replies("a", merge=False)
    with journal.path.open("ab") as file:
        file.write(b'{"torn')
    code, output, errors = graysplit("tidy")
    where = f".graysplit/journal/{journal.path.name}"
    assert (code, errors) == (0, [])
    assert output == [
        "replies recovered from interrupted runs: 1",
        f"{where}:2: the last line is torn and was skipped",
        "recording files: 0, rewritten: 0",
    ]
    assert FILE.read_text().splitlines() == [request_line("a"), reply_line("a")]


def test_tidy_continues_after_a_broken_file(graysplit):
    """A file that cannot be read is reported with code 2, and the others are tidied."""
    other = FILE.with_name("test_zoo.jsonl")
    write_recording("{", reply_line("a"))
    write_recording(reply_line("b"), reply_line("a"), file=other)
    code, output, errors = graysplit("tidy")
    assert (code, output) == (2, [f"{other}: rewritten (lines: 2 -> 2)", "recording files: 2, rewritten: 1"])
    assert errors == [
        f"{FILE}:1: is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        f"  hint: {RESTORE}  [recording-broken]",
    ]  # fmt: skip
    assert FILE.read_text().startswith("{\n")


def test_tidy_drops_orphans_on_request(graysplit):
    """Replies of removed cases are dropped; those that a renamed case uses stay."""
    record_replies("kept", "renamed", "gone!")
    request_replies("kept", "renamEd")
    assert graysplit("tidy", "--drop-orphans")[0] == 0
    assert FILE.read_text().splitlines() == [
        request_line("kept"),
        request_line("renamed"),
        reply_line("kept"),
        reply_line("renamed"),
    ]


def test_check_of_valid_recordings_finds_nothing(graysplit):
    """No findings and code 0, also with options for pytest."""
    record_replies("a", "b2")
    request_replies("a", "b2")
    assert graysplit("check", "--", "--wish=x") == (0, ["recording files: 1, findings: 0"], [])
    assert graysplit("check", "--no-orphans", FILE.parent) == (0, ["recording files: 1, findings: 0"], [])


def test_check_without_recordings_finds_nothing(graysplit):
    """A project without recordings has no problem, and no tests are collected."""
    assert graysplit("check") == (0, ["recording files: 0, findings: 0"], [])


def test_check_finds_orphans(graysplit):
    """A reply that no collected case asks for is reported with its line, and with the command that drops it."""
    record_replies("kept", "gone!")
    request_replies("kept")
    assert graysplit("check") == (1, [
        f"{FILE}:3: no case asks for 'gone!' (m, sample 0)",
        "  hint: if it is gone for good: graysplit recordings tidy --drop-orphans  [recording-orphan]",
        "recording files: 1, findings: 1",
    ], [])  # fmt: skip


def test_check_reports_all_broken_lines(graysplit):
    """Every broken line of every file is reported in one run; a broken file has no orphans."""
    write_recording("{}", "", reply_line("a"), '{"format":3}', '{"format":1,"request":"0"}')
    request_replies("a")
    assert graysplit("check")[1][::2] == [
        f"{FILE}:1: is not a recording (Object missing required field `format`)",
        f"{FILE}:4: is format 3, this version reads 1",
        f"{FILE}:5: is not a recording (Object missing required field `body`)",
        "recording files: 1, findings: 3",
    ]


def test_check_reports_an_unreadable_file(graysplit):
    """A link to itself is reported as any other problem."""
    FILE.parent.mkdir(parents=True)
    FILE.symlink_to(FILE.name)
    code, output, _ = graysplit("check", "--no-orphans")
    assert (code, output[0][:60]) == (1, f"{FILE} cannot be read: Too many levels"[:60])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"use {KEY}", "your own API key"),
        ("sk-ant-api03-abcdefghij0123456789", "an API key (sk-...)"),
        ("ghp_" + "a1" * 18, "a GitHub token"),
        ("glpat-abcdefghij0123456789", "a GitLab token"),
        ("AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
        ("Authorization: Bearer abcdefghij0123456789", "an Authorization header"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_check_finds_secrets(graysplit, monkeypatch, text, kind):
    """Keys of known shapes and the user's own key are found, and not repeated in the message."""
    monkeypatch.setenv("GRAYSPLIT_API_KEY", "of")
    monkeypatch.setenv("HOLYSHEEP_API_KEY", KEY)
    write_recording(reply_line("a", text))
    assert graysplit("check", "--no-orphans") == (1, [
        f"{FILE}:1: holds what looks like {kind}",
        f"  hint: {REVOKE}  [recording-secret]",
        "recording files: 1, findings: 1",
    ], [])  # fmt: skip


@pytest.mark.parametrize(
    "text", ["a task-oriented-assistant-for-everybody", "sk-learn-and-friends-for-all-of-us", "AKIA"]
)
def test_check_accepts_words_that_look_like_keys(graysplit, text):
    """Ordinary text that only looks like the beginning of a key is not a finding."""
    write_recording(reply_line("a", text))
    assert graysplit("check", "--no-orphans")[0] == 0


def test_check_says_why_it_cannot_find_orphans(graysplit):
    """A collection that fails or finds no case does not make every reply an orphan."""
    record_replies("a")
    request_replies()
    assert graysplit("check") == (2, [], [
        "orphans cannot be judged: pytest collected no case that asks a model",
        f"  hint: {AFTER_DASHES}; --no-orphans leaves this check out  [orphans-uncollected]",
    ])  # fmt: skip
    Path("test_broken.py").write_text("import nothing_of_that_name")
    code, _, errors = graysplit("check")
    assert (code, errors[0]) == (2, "orphans cannot be judged: pytest --collect-only ended with 2")
    assert "  ERROR test_broken.py" in errors
    assert errors[-1] == (
        f"  hint: make the collection work ({AFTER_DASHES}), or leave this check out with --no-orphans"
        "  [orphans-uncollected]"
    )


@pytest.mark.parametrize("command", ["check", "tidy"])
@pytest.mark.parametrize(("path", "problem"), [("nope", "nope does not exist"), ("empty", "empty holds no recordings")])
def test_path_without_recordings_is_an_error(graysplit, command, path, problem):
    """A mistyped path must not look clean."""
    Path("empty").mkdir()
    Path("empty", "cases.jsonl").write_text('{"prompt": "not a recording"}\n')
    hint = "  hint: name a recording file, or a folder with recordings or with __graysplit__ folders below it"
    assert graysplit(command, path) == (2, [], [problem, f"{hint}  [no-recordings]"])


def test_recordings_are_found_in_all_folders(graysplit):
    """In named folders, in a folder that the user names, and not in those of tools."""
    foreign = Path("env")
    foreign.mkdir()
    (foreign / "pyvenv.cfg").touch()
    for folder in ("env/__graysplit__", ".tox/__graysplit__", "node_modules/__graysplit__", "a/__graysplit__/b", "own"):
        write_recording(reply_line("a"), file=Path(folder, "x.jsonl"))
    assert graysplit("check", "--no-orphans")[1] == ["recording files: 1, findings: 0"]
    assert graysplit("check", "--no-orphans", "own", "a", "own/x.jsonl")[1] == ["recording files: 2, findings: 0"]


def test_root_is_found_from_a_subfolder(graysplit, monkeypatch):
    """The command works on the whole project that a run has marked."""
    record_replies("a")
    monkeypatch.chdir("tests")
    assert graysplit("tidy") == (0, ["recording files: 1, rewritten: 0"], [])


def test_merge_joins_shards(graysplit):
    """Files of one path become one, the newest reply wins, journals count too, and the shards stay unchanged."""
    record_replies("a", root=Path("one"))
    record_replies("a", "b2", root=Path("two"), text="newer", at="2026-11-24T10:00:00Z")
    journal = record_replies("journalled", root=Path("two"), merge=False)
    record_replies("z", root=Path("one"), file=Path("deep/__graysplit__/z.jsonl"))
    assert graysplit("merge", "one", "two", "--into", "all") == (0, [
        "deep/__graysplit__/z.jsonl: changed",
        f"{FILE}: changed",
        "shards: 2, recording files: 2, changed: 2",
    ], [])  # fmt: skip
    merged = Recordings(Path("all"))
    texts = [merged.reply(Path("all", FILE), key).text for key in sorted(merged.keys(Path("all", FILE)))]
    assert texts == ["newer", "newer", "30 days."]
    assert journal.path.exists()
    assert graysplit("merge", "two", "one", "--into", "all")[1] == ["shards: 2, recording files: 2, changed: 0"]


def test_merge_accepts_folders_of_any_name(graysplit):
    """Shards that recorded with --graysplit-recordings have other folder names."""
    write_recording(reply_line("a"), file=Path("shard/rec/x.jsonl"))
    assert graysplit("merge", "shard", "--into", ".")[1][0] == "rec/x.jsonl: changed"
    assert Path("rec/x.jsonl").read_text() == reply_line("a") + "\n"


@pytest.mark.parametrize(
    ("shard", "problem", "hint"),
    [
        ("nope", "nope is not a folder", "name the folders into which the recordings of the shards were downloaded"),
        ("empty", "empty holds no recordings",
         "name a recording file, or a folder with recordings or with __graysplit__ folders below it"),
    ],
)  # fmt: skip
def test_merge_rejects_a_shard_without_recordings(graysplit, shard, problem, hint):
    """A shard whose recordings were lost is reported, and nothing is merged."""
    Path("empty").mkdir()
    assert graysplit("merge", shard, "--into", "all") == (2, [], [problem, f"  hint: {hint}  [no-recordings]"])


def test_merge_reports_a_broken_file_of_a_shard(graysplit):
    """All other files are merged."""
    write_recording("{", file=Path("one/__graysplit__/x.jsonl"))
    write_recording(reply_line("a"), file=Path("two/__graysplit__/x.jsonl"))
    write_recording("{", file=Path("all/__graysplit__/y.jsonl"))
    write_recording(reply_line("a"), file=Path("two/__graysplit__/y.jsonl"))
    code, output, errors = graysplit("merge", "one", "two", "--into", "all")
    assert (code, output) == (2, ["__graysplit__/x.jsonl: changed", "shards: 2, recording files: 2, changed: 1"])
    assert errors[0].startswith("one/__graysplit__/x.jsonl:1:")
    assert errors[2].startswith("__graysplit__/y.jsonl:1:")


def test_merge_writes_only_into_the_project(graysplit, project_folder):
    """A foreign journal that names a file outside the project is rejected."""
    record_replies("a", root=Path("shard"), file=Path("../../outside.jsonl"), merge=False)
    (journal,) = Path("shard/.graysplit/journal").glob("*.jsonl")
    assert graysplit("merge", "shard", "--into", "all") == (2, ["shards: 1, recording files: 0, changed: 0"], [
        f"{journal}:1: records into '../../outside.jsonl', which is outside the project",
        f"  hint: {INSIDE}  [recording-outside]",
    ])  # fmt: skip
    assert not (project_folder.parent / "outside.jsonl").exists()


def test_characters_that_the_terminal_lacks_are_escaped(project_folder):
    """A case may have any name, and none leads to a traceback."""
    write_recording(reply_line("\\ud800 \\u6f22").replace('"ok"', '"so"'))
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "pytest_graysplit", "recordings", "check", "--no-orphans"]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (1, "")


def test_check_keeps_recordings_of_other_models_and_samples(graysplit):
    """A collection names one treatment and one sample; other recordings are not orphans."""
    record_replies("a")
    request_replies("a")
    write_recording(
        *FILE.read_text().splitlines(),
        reply_line("a").replace('"m"', '"other"'),
        reply_line("a").replace('"sample":0', '"sample":1'),
    )
    assert graysplit("check") == (0, ["recording files: 1, findings: 0"], [])
