"""A miss report names the nearest recording, the differences, and the command to record."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings import Recordings, merge_journals, miss_report
from pytest_graysplit.replies.recordings.miss_report import differences

leaves = st.none() | st.booleans() | st.text() | st.integers()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("cd"), inner, max_size=3)
)
bodies = st.dictionaries(st.text("ab"), values, max_size=4)

COMMAND = "--graysplit-record=new and GRAYSPLIT_API_KEY set"
POLICY = (
    "You work for a shop that sells shoes. Customers may return what they have bought within 30 days of the "
    "purchase, unworn, with the receipt; after that there is no refund at all. What do you tell a customer?"
)


def ask(prompt, **params):
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": prompt}], **params}


@pytest.fixture
def explained(project):
    """Return the message for a miss, in a project with one reply to POLICY, requested with seed 42."""
    body = ask(POLICY, seed=42)
    journal = project.journal()
    journal.append(project.file, project.key(body=body), body, project.reply())
    journal.close()
    merge_journals(project.root)

    def explain(body=body, role="control", **key):
        error = Recordings(project.root).explain_miss(project.file, project.key(body=body, **key), body, COMMAND, role)
        assert isinstance(error, RecordingError)
        assert (error.hint, error.slug) == (f"run once with {COMMAND}", "recording-missing")
        return error.problem.splitlines()

    return explain


CONTENT = "messages[1].content: ..."
WHERE = "  tests/__graysplit__/test_support.jsonl has one that differs:"


def test_miss_report_in_full(project):
    """The shape that users see: the missing reply, its file, and the command that helps."""
    recordings = Recordings(project.root)
    assert recordings.reply(project.file, project.key()) is None
    error = recordings.explain_miss(project.file, project.key("other"), project.body, COMMAND, "control")
    error = recordings.explain_miss(project.file, project.key(), project.body, COMMAND, "control")
    assert str(error) == (
        "no recording for case 'refund-policy' (control, claude-sonnet-4.5)\n"
        "  tests/__graysplit__/test_support.jsonl holds no replies\n"
        "  hint: run once with --graysplit-record=new and GRAYSPLIT_API_KEY set  [recording-missing]"
    )


def test_edited_prompt_shows_the_changed_words(explained):
    """Of a long prompt only the changed words are shown, with a few around them."""
    new = "... have bought within 14 days of the purchase, unworn, ..."
    assert explained(ask(POLICY.replace("30 days", "14 days"), seed=43)) == [
        "no recording for case 'refund-policy' (control, claude-sonnet-4.5)",
        WHERE,
        f"    {CONTENT} have bought within 30 days of the purchase, unworn, ... -> {new}",
        "    seed: 42 -> 43",
    ]


def test_added_or_removed_parameters_are_named(explained):
    """A parameter on one side only is a difference, too."""
    assert explained(ask(POLICY, temperature=0.5))[2:] == [
        "    seed: 42 -> (not sent)",
        "    temperature: (not sent) -> 0.5",
    ]


def test_other_model_is_the_only_difference(explained):
    """A candidate that was never recorded is reported, without an arm where none is known."""
    assert explained(model="gpt-4.1", role="") == [
        "no recording for case 'refund-policy' (gpt-4.1)", WHERE, "    model: claude-sonnet-4.5 -> gpt-4.1"
    ]  # fmt: skip


def test_additional_sample_is_the_only_difference(explained):
    """More samples than were recorded."""
    assert explained(sample=1)[2:] == ["    sample: 0 -> 1"]


def test_renamed_and_edited_case_is_found_by_its_words(explained):
    """A prompt in the name of its case changes both at once."""
    other = "... for a shop that sells hats. Customers may return what ..."
    assert explained(ask(POLICY.replace("shoes", "hats"), seed=42), case="hats")[2:] == [
        "    case: 'refund-policy' -> 'hats'",
        f"    {CONTENT} for a shop that sells shoes. Customers may return what ... -> {other}",
    ]


def test_dissimilar_request_has_no_nearest_recording(explained):
    """Nothing is shown rather than an unrelated recording."""
    assert explained({"messages": []}, case="new") == ["no recording for case 'new' (control, claude-sonnet-4.5)"]


def test_thousands_of_misses_stay_cheap(explained, monkeypatch):
    """Only the first misses of a run search among all requests."""
    monkeypatch.setattr(miss_report, "SEARCHES", 0)
    assert len(explained(ask(POLICY.replace("shoes", "hats"), seed=42), case="hats")) == 1
    assert len(explained(ask(POLICY), case="refund-policy")) == 3


@pytest.mark.parametrize("request_line", ["", '{"format":1,"request":"HASH","body":7}\n'])
def test_miss_without_the_recorded_request_shows_only_the_case(project, request_line):
    """A file whose requests were removed still explains the rest."""
    project.record((project.key(), project.reply()))
    merge_journals(project.root)
    reply = project.lines()[1]
    project.file.write_text(request_line.replace("HASH", project.key().request) + reply)
    error = Recordings(project.root).explain_miss(project.file, project.key(body={"n": 1}), {"n": 1}, COMMAND)
    assert error.problem.splitlines()[2:] == ["    the request (the recorded one is not in the file)"]


def test_miss_report_holds_no_secret(project):
    """Compared and shown texts are redacted on both sides."""

    def redact(text):
        return text.replace("s3cret", "[redacted]")

    body = {"n": "s3cret"}
    journal = project.journal(redact=redact)
    journal.append(project.file, project.key("s3cret", body=body), body, project.reply())
    journal.close()
    merge_journals(project.root)
    other = {"n": "a s3cret"}
    error = Recordings(project.root, redact).explain_miss(
        project.file, project.key("s3cret", body=other), {"model": "m", **other}, COMMAND
    )
    assert error.problem.splitlines() == [
        "no recording for case '[redacted]' (claude-sonnet-4.5)", WHERE, '    n: "[redacted]" -> "a [redacted]"'
    ]  # fmt: skip


def test_long_texts_are_shortened():
    """An entirely new text shows its beginning, a continued one its end."""
    words = " ".join(f"word{n}" for n in range(30))
    start = '"word0 word1 word2 word3 word4 word5 word6 word7 word8 ...'
    assert list(differences({}, {"a": words})) == [f"a: (not sent) -> {start}"]
    assert list(differences({"a": words}, {"a": f"{words} more"})) == [
        'a: ... word27 word28 word29" -> ... word27 word28 word29 more"'
    ]


@pytest.mark.parametrize("letter", ["y", "\N{CJK UNIFIED IDEOGRAPH-6F22}"])
def test_text_without_spaces_is_shortened_too(letter):
    """A megabyte of base64, or a language without spaces, shows the change and does not flood the terminal."""
    (line,) = differences({"a": letter * 10**6}, {"a": letter * 5000 + "!" + letter * 5000})
    assert len(line) < 400
    assert f"{letter}!{letter}" in line


def test_many_differences_are_counted():
    """The first six are shown, the rest is a number."""
    changed = list(differences({}, {f"p{n}": n for n in range(9)}))
    assert changed == [f"p{n}: (not sent) -> {n}" for n in range(6)] + ["and 3 more"]


@given(bodies, bodies)
def test_any_two_bodies_can_be_compared(one, other):
    """No shape of a request breaks the message, and equal ones show no difference."""
    assert list(differences(one, one)) == []
    assert bool(list(differences(one, other))) == (json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
