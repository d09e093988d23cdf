"""Labelled answers: the reader with its messages, and the figures of a judge on them."""

import json

import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import JudgedAnswer, RubricCalibration
from pytest_graysplit.evaluation.judge_calibration.rubric_labels import read_rubric_labels
from pytest_graysplit.evaluation.judge_calibration.subjects import read_labels
from pytest_graysplit.stats import JudgeAccuracy
from pytest_graysplit.types import ToolCall

LINE = {"prompt": "How long?", "answer": "30 days.", "rubric": {"names 30 days": True, "promises no refund": False}}


@pytest.fixture
def read(tmp_path):
    """Write lines into a file, and read it as the command does."""

    def read_lines(*lines):
        path = tmp_path / "labels.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        return read_labels(path, "labels.jsonl")

    return read_lines


def test_line_gives_a_case_an_answer_and_its_labels(read):
    """The criteria become the rubric of the case, in their order; calls are read as recordings have them."""
    call = {"name": "refund", "arguments": {"order": 1001}}
    [label] = read({**LINE, "id": "window", "system": "Be brief.", "tool_calls": [call]})
    assert (label.case.id, label.case.rubric) == ("window", ("names 30 days", "promises no refund"))
    assert [message["role"] for message in label.case.messages] == ["system", "user"]
    assert label.answer.text == "30 days."
    assert label.answer.tool_calls == (ToolCall("refund", {"order": 1001}),)
    assert (label.holding, label.holds) == ((True, False), False)


def test_answers_to_one_prompt_share_an_id(read):
    """Both arms' answers are labelled; a blank answer is one too."""
    labels = read({**LINE, "id": "window"}, {**LINE, "id": "window", "answer": ""})
    assert [label.answer.text for label in labels] == ["30 days.", ""]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"answer": ...}, "no answer"),
        ({"answer": 4}, "answer: expected a text, got 4"),
        ({"prompt": ...}, "no prompt"),
        ({"rubric": {}}, "rubric: expected an object of criteria, got {}"),
        ({"rubric": ["names 30 days"]}, "rubric: expected an object of criteria, got ['names 30 days']"),
        ({"rubric": {"names 30 days": "yes"}}, "rubric['names 30 days']: expected true or false, got 'yes'"),
        ({"rubric": {"names 30 days": None}}, "rubric['names 30 days']: expected true or false, got None"),
        ({"rubric": {" ": True}}, "rubric: is blank"),
        ({"rubric": {"a ": True, "a": False}}, "rubric['a']: is there twice"),
        ({"tool_calls": {"name": "refund"}}, "tool_calls: expected a list of calls, got {'name': 'refund'}"),
        ({"tool_calls": ["refund"]}, "tool_calls: holds a call that is not an object - at `tool_calls`"),
        ({"lables": 1}, "lables: unknown field"),
        ({"label": "tie"}, "label: unknown field"),
        ({}, "the same answer to the same messages is in labels.jsonl:1 too"),
    ],
)
def test_mistake_is_named_with_file_line_and_field(read, line, message):
    """The second line of the file is wrong."""
    fields = {name: value for name, value in {**LINE, **line}.items() if value is not ...}
    with pytest.raises(UsageError) as raised:
        read(LINE, fields)
    assert raised.value.problem.startswith(f"labels.jsonl:2: {message}")
    assert raised.value.hint


def test_file_has_lines_of_one_kind(read, tmp_path):
    """The message names both lines; a run reads only labelled answers."""
    pair = {"prompt": "?", "control": "a", "treatment": "b", "label": "tie"}
    with pytest.raises(UsageError, match=r"labels.jsonl:2: a file has lines of one kind, and line 1 has a rubric"):
        read(LINE, pair)
    with pytest.raises(UsageError, match=r"labels.jsonl:2: a file has lines of one kind, and line 1 has a label"):
        read(pair, LINE)
    read(pair)
    with pytest.raises(UsageError, match=r"labels.jsonl:1: control: unknown field"):
        read_rubric_labels(tmp_path / "labels.jsonl", "labels.jsonl")


def calibration(read, *judged):
    """Build a calibration of answers: per answer the labels and the judge's verdicts of both criteria."""
    lines = [
        {**LINE, "id": f"case-{number}", "answer": f"Answer {number}.", "rubric": dict(zip("ab", labels, strict=True))}
        for number, (labels, _) in enumerate(judged)
    ]
    verdicts = [verdicts for _, verdicts in judged]
    return RubricCalibration([JudgedAnswer(*one) for one in zip(read(*lines), verdicts, strict=True)])


RIGHT, WRONG = ((True, True), (True, True)), ((True, False), (True, True))


def test_accuracy_is_that_of_whole_answers(read):
    """One no decides as in a run; a missing verdict beside a yes leaves the answer out of the accuracy."""
    made = calibration(
        read,
        RIGHT,
        WRONG,
        ((True, True), (False, True)),
        ((False, False), (True, False)),
        ((True, False), (None, False)),
        ((True, True), (None, True)),
    )
    assert made.accuracy == JudgeAccuracy(said_yes=1, holding=2, said_no=2, failing=3)
    assert made.agreement.estimate == pytest.approx(3 / 6)
    assert made.kappa == pytest.approx(1 / 6)


def test_accuracy_differs_from_that_of_criteria(read):
    """Two errors in one answer may cancel, and one error among two criteria fails the whole answer."""
    cancelled = calibration(read, ((True, False), (False, True)))
    assert cancelled.accuracy == JudgeAccuracy(0, 0, 1, 1)
    assert [tuple(table) for table in cancelled.by_criterion.values()] == [((True, False),), ((False, True),)]


def test_report_shows_the_accuracy_the_table_and_the_worst_criteria(read):
    """All lines for five answers."""
    made = calibration(read, RIGHT, RIGHT, WRONG, ((False, True), (False, True)), ((True, True), (None, True)))
    assert list(made.lines()) == [
        "agreement      3/5  60.0%  (95% CI 23.1 .. 88.2)",
        "sensitivity    2/2  100.0%  (95% CI 34.2 .. 100.0): yes to answers that hold",
        "specificity    1/2  50.0%  (95% CI 9.5 .. 90.5): no to answers that fail",
        "kappa          0.50, moderate",
        "unreadable     1 of 10 verdicts",
        "",
        "label \\ judge         yes          no  no verdict",
        "holds                   2           0           1",
        "fails                   1           1           0",
        "",
        "criterion                                           yes if holds     no if fails  no verdict",
        "each criterion                                        7/7 100.0%       1/2 50.0%           1",
        "a                                                     3/3 100.0%      1/1 100.0%           1",
        "b                                                     4/4 100.0%        0/1 0.0%           0",
        "",
        "labels.jsonl:3 case-2: fails, judge yes (b)",
        "labels.jsonl:5 case-4: holds, judge no verdict (a)",
    ]


def test_report_without_one_kind_of_label_says_so(read):
    """A judge that always says yes cannot be told from a good one by right answers alone."""
    made = calibration(read, RIGHT)
    report = list(made.lines())
    assert report[2] == "specificity    -: no to answers that fail"
    assert report[3] == "kappa          unknown: it takes labels and verdicts of more than one kind (holds and fails)"
    assert not made.accuracy.is_known
