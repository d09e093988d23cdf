"""The English of the tree, by the rules in `prose.py`, and each rule on a planted example."""

import prose
import pytest

PLANTED = [
    ("is-no", "A reply that is no answer."),
    ("is-no", "Two calls are no evidence."),
    ("nobody", "Nobody knows the price."),
    ("nobody", "Somebody holds the lock."),
    ("nobody", "The page is for whoever asks."),
    ("anew", "Record everything anew."),
    ("mend", "Mend the file."),
    ("mend", "A mended file is read again."),
    ("per", "Send three replies a case and arm."),
    ("per", "The table has one line an arm."),
    ("each", "Write the fields, a line each."),
    ("the-least", "Thirty cases are the least."),
    ("the-least", "It takes 20 s at the most."),
    ("in-vain", "A reservation that waited in vain."),
    ("metaphor", "A guard must not cry wolf."),
    ("metaphor", "The run ends of its own accord."),
    ("let-go", "Let go of the file."),
    ("but-for", "Everything but for the time."),
    ("for-who", "The rest is there for who asks."),
    ("is-none", "Raise UsageError for a list that is none."),
]
ALLOWED = [
    "The value is no longer used.",
    "It is no more than one.",
    "There is no such model.",
    "The result is None where there is none.",
    "Return how many replies each case has, at least two and at most five.",
    'A guard that is quoted: `nobody` and "whoever" are words of an answer.',
    "A request for each line; those who asked get it.",
]
RELATIVES = [
    ("What a run cost: per arm.", 1),
    ("Return what the relay sent.", 1),
    ("It holds, whatever the hash says.", 1),
    ("Who asks twice gets what was stored.", 2),
    ("Tell what a model may cost. Say to the user what it cost.", 0),
    ("The message says what to do.", 0),
    ("What did the run cost?", 0),
    ("The user who asks, and the words of `what` it asks.", 0),
]


@pytest.fixture(scope="module")
def units():
    return prose.tree()


@pytest.fixture(scope="module")
def offences(units):
    return list(prose.offences(units))


def unit(text, kind="comment"):
    return prose.Unit(path="planted.py", line=1, kind=kind, text=prose.plain(text))


@pytest.mark.parametrize("rule", prose.RULES, ids=lambda rule: rule.name)
def test_tree_keeps_rule(offences, rule):
    """The list of places is empty; the message says how to write each one."""
    places = [f"{unit.path}:{unit.line}: {unit.text}" for broken, unit in offences if broken is rule]
    assert places == [], f"write {rule.instead} in\n" + "\n".join(places)


def test_tree_has_few_free_relatives(units):
    """At most two in 100 docstrings and comments; `python tests/prose.py` lists them."""
    assert prose.rate(units) <= 2


@pytest.mark.parametrize(("name", "text"), PLANTED)
def test_planted_text_breaks_its_rule(name, text):
    assert [rule.name for rule, _ in prose.offences([unit(text)])] == [name]


@pytest.mark.parametrize(
    "text", ["What a run cost.", "Lives in the controller.", "Takes a stream apart.", "How far it is."]
)
def test_planted_class_docstring_breaks_its_rule(text):
    """A class is a noun; the same sentence may document a function."""
    assert [rule.name for rule, _ in prose.offences([unit(text, "class")])] == ["class-noun"]
    assert list(prose.offences([unit(text, "docstring")])) == []


def test_every_rule_has_a_planted_example():
    assert {rule.name for rule in prose.RULES} == {name for name, _ in PLANTED} | {"class-noun"}


@pytest.mark.parametrize("text", [*ALLOWED, "Settings of one run.", "Counters that are reset."])
def test_plain_text_breaks_no_rule(text):
    assert list(prose.offences([unit(text), unit(text, "class")])) == []


@pytest.mark.parametrize(("text", "count"), RELATIVES)
def test_free_relatives_are_counted(text, count):
    assert len(list(prose.free_relatives(unit(text)))) == count


def test_rate_is_per_hundred_docstrings_and_comments():
    """Messages and pages are judged by the other rules alone."""
    texts = [unit("What came."), unit("A line.", "docstring"), unit("A row.", "class"), unit("One more.")]
    assert prose.rate([*texts, unit("What came.", "message"), unit("What came.", "page")]) == 25


SOURCE = '''"""A module."""

# One comment
# on two lines.
LIMIT = 3  # beside code: "# not a comment"


class Row:
    """A row."""

    def total(self):
        """Return
        the total."""
        raise ValueError(f"the row {self} " "has a hole: # not a comment")


def test_row_total():
    assert "some data"
'''


def test_units_of_a_module_are_read():
    """Docstrings, comment blocks, and messages with their placeholders."""
    found = sorted((unit.line, unit.kind, unit.text) for unit in prose.units_of("pytest_graysplit/row.py", SOURCE))
    assert found == [
        (1, "docstring", "A module."),
        (3, "comment", "One comment on two lines."),
        (5, "comment", "beside code: X"),
        (9, "class", "A row."),
        (12, "docstring", "Return the total."),
        (14, "message", "the row {} has a hole: # not a comment"),
        (17, "name", "test row total"),
        (18, "message", "some data"),
    ]


def test_data_of_tests_is_not_read():
    """The strings of a test are prompts, answers and expected messages."""
    assert "message" not in {unit.kind for unit in prose.units_of("tests/test_row.py", SOURCE)}


def test_units_of_a_page_and_a_script_are_read():
    page = prose.units_of("docs/row.md", "# Rows\n\nA row is\nno `is no` cell.\n")
    script = prose.units_of("pytest_graysplit/row.js", "// A row,\n// and its cells.\nsay(row);\n")
    assert [(unit.line, unit.kind, unit.text) for unit in page] == [
        (1, "page", "# Rows"),
        (3, "page", "A row is no X cell."),
    ]
    assert [(unit.line, unit.kind, unit.text) for unit in script if unit.text] == [
        (1, "comment", "A row, and its cells."),
        (3, "message", "say(row);"),
    ]


def test_report_names_places_and_rate():
    """The lines that the script prints."""
    lines = list(prose.report([unit("Mend what is broken.")]))
    assert "mend: 1 (write: fix)" in lines
    assert "  planted.py:1: Mend what is broken." in lines
    assert lines[-2:] == [
        "  planted.py:1: what is broken.",
        "free relatives per 100 docstrings and comments: 100.0",
    ]
