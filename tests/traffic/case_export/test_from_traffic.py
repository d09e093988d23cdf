"""`graysplit cases from-traffic` makes a case file that pytest collects."""

import gzip
import json
from itertools import count
from pathlib import Path

import pytest

from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.cli import main

NUMBERS = count()
SPLIT = {"kind": "split", "format": 1, "split": "s", "salt": "x", "at": "t", "arms": []}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def request(prompt, **fields):
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    given = {"arm": "control", "outcome": "ok", "unit": "ab" * 32, "messages": messages, **fields}
    return {"kind": "request", "id": f"r{next(NUMBERS)}", "at": "t", "split": "s", "model": "m", **given}


def log(*records, name="traffic.jsonl"):
    Path(name).write_text("".join(f"{json.dumps(record)}\n" for record in (SPLIT, *records)), encoding="utf-8")


@pytest.fixture
def graysplit(capsys):
    """Run the command; return its exit code, stdout and stderr."""

    def run(*arguments):
        code = main(["cases", "from-traffic", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def rows(name="traffic.graysplit.jsonl"):
    return [json.loads(line) for line in Path(name).read_text(encoding="utf-8").splitlines()]


def test_from_traffic_report_and_file(graysplit):
    """The report counts the requests, prompts, cases and redactions, and ends with the next command."""
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    log(
        request("Where is order 1234?"),
        request("where is  order 99?", outcome="error"),
        request([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "I am bob@example.com"}], unit=None),
        request([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "Bye"}]),
        request("Test", forced=True),
        request([{"role": "user", "content": image}]),
        request([{"role": "user", "content": 7}]),
        request("Kept no text", messages=None),
        request(""),
        {"kind": "feedback", "id": "r", "at": "t", "score": 1.0},
    )  # fmt: skip
    code, out, err = graysplit("traffic.jsonl")
    assert (code, err) == (0, "")
    assert (
        out
        == """\
read       9 requests
left out   1 routed by force
left out   1 that cannot be written as a case (messages[0].content: expected a text, a list of parts or null, got 7)
left out   1 with images or files, in which personal data cannot be found
left out   1 without a word in them
left out   1 without texts
prompts    3, and 1 repeat of them
strata     prompts  requests  cases
                 1         1      1  fine, one turn, Latin, shorter half
                 1         1      1  fine, several turns, Latin, shortest quarter
                 1         2      1  trouble, one turn, Latin, shorter half
written    3 cases to traffic.graysplit.jsonl
redacted   1 e-mail address
           names, passwords and postal addresses are not recognised: read the file before you share it
next       pytest --graysplit-control=MODEL --graysplit-treatment=MODEL traffic.graysplit.jsonl
"""
    )
    assert rows() == [
        {
            "id": "where-is-order-1234-f08e891d",
            "prompt": "Where is order 1234?",
            "tags": ["traffic", "was-error", "repeated"],
            "cluster": "abababababab",
        },
        {
            "id": "i-am-email-1-d31d10f6",
            "system": "Be brief.",
            "prompt": "I am <email-1>",
            "tags": ["traffic"],
        },
        {
            "id": "bye-fb89fa5e",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hi."},
                {"role": "user", "content": "Bye"},
            ],
            "tags": ["traffic"],
            "cluster": "abababababab",
        },
    ]


def test_from_traffic_file_round_trips(graysplit):
    """Every case is built again from the file, with tool calls and unusual characters."""
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    asked = [
        [{"role": "user", "content": "One line\u2028another\nthird"}],
        [{"role": "developer", "content": "Short."}, {"role": "user", "content": "请解释一下"}],
        [{"role": "system", "content": " "}, {"role": "user", "content": "Blank system"}],
        [{"role": "user", "content": "Named", "name": "person-1"}],
        [
            {"role": "user", "content": "Find it"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "none"},
        ],
        [{"role": "user", "content": [{"type": "text", "text": "In parts"}]}],
    ]
    log(*map(request, asked))
    assert graysplit("traffic.jsonl")[0] == 0
    path = Path("traffic.graysplit.jsonl")
    assert [list(map(dict, case.messages)) for case in read_cases(path, path.name)] == asked


def test_from_traffic_reads_folders_and_names_skipped_lines(graysplit):
    """The texts of the sample are read from compressed files and after bad lines too."""
    Path("logs").mkdir()
    log(request("First question"), {"kind": "request"}, request("Second question"), name="logs/a.jsonl")
    Path("logs/a.jsonl.1.gz").write_bytes(gzip.compress(json.dumps(request("Third question")).encode() + b"\n"))
    code, out, _ = graysplit("logs", "--into", "cases.jsonl")
    assert code == 0
    assert out.startswith(
        "skipped    1 line is not a line of a traffic log: logs/a.jsonl:3 (is not a line of a traffic"
    )
    assert sorted(row["prompt"] for row in rows("cases.jsonl")) == [
        "First question",
        "Second question",
        "Third question",
    ]


def test_from_traffic_sample_is_stable(graysplit):
    """The same log gives the same bytes; a longer log replaces only a few cases."""
    prompts = [
        request(f"Tell me about {chr(65 + n % 26)}{chr(65 + n // 26)} and its {'very ' * (n % 9)}end")
        for n in range(600)
    ]
    log(*prompts[:500])
    texts = []
    for seed in ("0", "0", "1"):
        assert graysplit("traffic.jsonl", "--sample", "100", "--seed", seed, "--force")[0] == 0
        texts.append(Path("traffic.graysplit.jsonl").read_text())
    assert texts[0] == texts[1] != texts[2]
    log(*prompts)
    assert graysplit("traffic.jsonl", "--sample", "100", "--force")[0] == 0
    before, after = (
        {json.loads(line)["id"] for line in text.splitlines()}
        for text in (texts[0], Path("traffic.graysplit.jsonl").read_text())
    )
    assert (len(before), len(after)) == (100, 100)
    assert len(before & after) > 70


def test_from_traffic_params_option(graysplit):
    """Parameters for delivery and for the user's identity are never written."""
    params = {"temperature": 0.2, "tools": [{"type": "function"}], "stream": True, "user": "ann", "stop": None}
    log(request("Find it", params=params))
    assert (
        "note       1 case had tools or a response format in the request: --params writes them\n"
        in graysplit("traffic.jsonl")[1]
    )
    assert "params" not in rows()[0]
    assert "note" not in graysplit("traffic.jsonl", "--params", "--force")[1]
    assert rows()[0]["params"] == {"temperature": 0.2, "tools": [{"type": "function"}]}


def test_from_traffic_keeps_personal_data_and_forced_requests_on_request(graysplit):
    """The texts are then those of the log, and the report says so."""
    log(request("I am bob@example.com", forced=True))
    code, out, _ = graysplit("traffic.jsonl", "--keep-personal-data", "--include-forced", "--into", "own.jsonl")
    assert code == 0
    assert "redacted   nothing, as --keep-personal-data asks\n" in out
    assert out.endswith('next       name it in a test: @pytest.mark.graysplit(cases="own.jsonl")\n')
    assert rows("own.jsonl")[0]["prompt"] == "I am bob@example.com"


@pytest.mark.parametrize(
    ("records", "arguments", "complaint"),
    [
        (
            [request("?", messages=None)],
            [],
            ("the log holds 1 request and no texts, so no case can be made\n"
            "  hint: cases need a log with texts; the redact hook of the log can remove personal data  [traffic-no-texts]\n"),
        ),
        ([request("Hi", forced=True)], [], "no case was written: no request in traffic.jsonl can be a case\n"),
        (
            [request("Hi")],
            ["--into", "there.jsonl"],
            "there.jsonl: already exists\n  hint: --force replaces it, --into names another file  [case-file-exists]\n",
        ),
        (
            [request("Hi")],
            ["--into", "cases.yaml"],
            ("cases.yaml: the cases are written as JSONL\n"
            "  hint: name it *.graysplit.jsonl, so that pytest collects it by itself  [case-file-format]\n"),
        ),
        (
            [request("Hi")],
            ["--into", "there.jsonl/cases.jsonl"],
            ("the case file there.jsonl/cases.jsonl cannot be written: there.jsonl is a file\n"
            "  hint: name a file in a writable folder with --into  [case-file-unwritable]\n"),
        ),
    ],
)  # fmt: skip
def test_from_traffic_error_writes_no_file(graysplit, folder, records, arguments, complaint):
    """Exit code 2, one message, and no partial file."""
    log(*records)
    Path("there.jsonl").write_text("mine")
    code, _, err = graysplit("traffic.jsonl", *arguments)
    assert (code, err) == (2, complaint)
    assert sorted(path.name for path in folder.iterdir()) == ["there.jsonl", "traffic.jsonl"]
    assert Path("there.jsonl").read_text() == "mine"
