"""Assertions of a test body: the many ways to write one are recognised, and other calls are not."""

import functools
import linecache
import textwrap
from types import SimpleNamespace

import pytest

from pytest_graysplit.plugin.collect.body_assertions import Bodies

ASSERTING = {
    "assert": "assert 'x' in graysplit.treatment.text",
    "assert of anything": "assert True",
    "assert in a block": "for word in ('a', 'b'):\n    if word:\n        with open(word):\n            assert word",
    "assert in a try": "try:\n    pass\nfinally:\n    assert graysplit",
    "raise": "if not graysplit.treatment.text:\n    raise AssertionError('nothing')",
    "pytest.fail": "pytest.fail('no')",
    "fail by its own name": "if not graysplit:\n    fail('no')",
    "pytest under another name": "pt.fail('no')",
    "pytest imported in the body": "import pytest\npytest.fail('no')",
    "pytest.raises": "with pytest.raises(ValueError):\n    graysplit.treatment.json()",
    "check_": "check_answer(graysplit.treatment.text)",
    "check": "check(graysplit)",
    "assert_that": "assert_that(graysplit.treatment.text).contains('x')",
    "assertX of a helper": "helper.assertPolite(graysplit.treatment.text)",
    "self.assertX": "self.assertIn('x', graysplit.treatment.text)",
    "self.fail": "self.fail('no')",
    "expect": "expect(graysplit.treatment.text).to_contain('x')",
    "expects": "expects(graysplit)",
    "verify": "verify(graysplit.treatment.text)",
    "validate": "jsonschema.validate(graysplit.treatment.json(), {})",
    "private helper": "_assert_polite(graysplit.treatment.text)",
    "numpy": "np.testing.assert_allclose(1, 1)",
    "pytest-check": "check.is_in('x', graysplit.treatment.text)",
    "pytest-check by its module": "pytest_check.equal(1, 1)",
    "pytest-check as a block": "with check:\n    polite(graysplit.treatment.text)",
    "pytest-check as a named block": "with check('polite'):\n    polite(graysplit.treatment.text)",
    "nested function": "def inner():\n    assert graysplit\ninner()",
    "nested function that is handed on": "def inner():\n    assert graysplit\nrun(inner)",
    "nested in a nested function": "def outer():\n    def inner():\n        assert graysplit\n    inner()\nouter()",
    "nested and decorated": "@run\ndef inner():\n    assert graysplit",
    "nested async function": "async def inner():\n    assert graysplit\nasyncio.run(inner())",
    "nested class": "class Inner:\n    def look(self):\n        assert graysplit\nInner().look()",
    "lambda": "polite = lambda text: check_polite(text)\npolite(graysplit)",
    "comprehension": "[check_word(word) for word in graysplit.treatment.text.split()]",
    "match": "match graysplit.treatment.text:\n    case 'x':\n        raise ValueError('no')",
    "subtests with an assert": "with subtests.test():\n    assert graysplit",
}
SILENT = {
    "nothing": "pass",
    "docstring": "'''It asserts that raise and check(x) are words.'''",
    "reads": "graysplit.treatment.text",
    "prints": "print(graysplit.treatment.text)",
    "our own calls": "graysplit_reply.json()\ngraysplit_relay.compare('One?', expect={'contains': 'x'})",
    "our own names": "graysplit_relay.check('One?')",
    "the application": "app.answer(graysplit.case.prompt)\nclient.run().text",
    "another helper": "looks_good(graysplit.treatment.text)",
    "checkout": "checkout(graysplit)\nshop.checkout_all()",
    "checksum": "checksum(graysplit.treatment.text)\ncheckpoint()",
    "expected value": "expected(graysplit)\nexpectation_for(1)\nexpected_words(2)",
    "validated value": "validated(graysplit)\nvalidator(1)",
    "a name that is not called": "check_polite\nassert_that = 3\nassert_that",
    "nested and never called": "def inner():\n    assert graysplit",
    "nested class and never used": "class Inner:\n    def look(self):\n        assert graysplit",
    "calls itself alone": "def inner():\n    assert graysplit\n    inner()",
    "raise of what is there": "try:\n    run()\nexcept ValueError:\n    raise",
    "subtests": "with subtests.test():\n    graysplit.treatment.text",
    "skip": "pytest.skip('no')",
    "warn": "warnings.warn('assert')",
    "comment": "x = 1  # assert x",
    "text": "x = 'assert x'",
    "self.failure": "self.failure('no')\napp.fail('no')",
}
HEAD = "import pytest, pytest as pt\nfrom pytest import fail\n\n"


@pytest.fixture
def bodies():
    return Bodies()


@pytest.fixture
def import_source(tmp_path):
    """Return a function that imports a module from its source and returns its names."""

    def write(source, *, filename=None, **names):
        path = tmp_path / "test_written.py"
        path.write_text(source, encoding="utf-8")
        exec(compile(source, filename or str(path), "exec"), names)
        return names

    return write


def as_test(body, before="def test_x(graysplit):"):
    return f"{HEAD}{before}\n{textwrap.indent(body, '    ')}\n"


@pytest.mark.parametrize("body", ASSERTING.values(), ids=ASSERTING)
def test_asserting_body_is_recognised(import_source, bodies, body):
    """Whether the assertion can fail does not matter."""
    assert bodies.asserts(import_source(as_test(body))["test_x"])


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent_body_is_recognised(import_source, bodies, body):
    """Reading a reply is not an assertion, and neither is a word in a comment."""
    assert not bodies.asserts(import_source(as_test(body))["test_x"])


@pytest.mark.parametrize("name", ["assert", "assert in a block", "raise", "pytest.fail", "check_", "expect", "lambda",
                                  "self.assertX", "nested function", "pytest-check", "comprehension"])  # fmt: skip
def test_asserting_body_without_source_is_recognised(import_source, bodies, name):
    """The code object is read, as for functions from exec and from an interactive session."""
    names = import_source(as_test(ASSERTING[name]), filename="<string>")
    assert bodies.asserts(names["test_x"])


@pytest.mark.parametrize("name", ["nothing", "docstring", "reads", "our own calls", "another helper", "checkout",
                                  "expected value", "raise of what is there", "skip", "text"])  # fmt: skip
def test_silent_body_without_source_is_recognised(import_source, bodies, name):
    """The result is the same as with the source."""
    assert not bodies.asserts(import_source(as_test(SILENT[name]), filename="<string>")["test_x"])


@pytest.mark.parametrize("before", ["async def test_x(graysplit):", "@run\n@run\ndef test_x(graysplit):",
                                    "@run(\n    run,\n)\ndef test_x(\n    graysplit,\n):"])  # fmt: skip
@pytest.mark.parametrize(("body", "expected"), [("assert graysplit", True), ("graysplit", False)])
def test_decorated_body_is_read_below_its_decorators(import_source, bodies, before, body, expected):
    """A wrapper that raises an error says nothing about the body."""

    def run(function, *_):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            assert args or kwargs
            return function(*args, **kwargs)

        return functools.partial(wrapper) if function is run else wrapper

    source = as_test(body, before).replace("@run(\n    run,\n)", "@run(\n    run\n)")
    assert bodies.asserts(import_source(source, run=run)["test_x"]) is expected


@pytest.mark.parametrize(("body", "expected"), [("assert self", True), ("graysplit", False)])
def test_method_body_is_read_like_a_function(import_source, bodies, body, expected):
    """Bound and unbound methods give the same result."""
    source = "class TestIt:\n    def test_x(self, graysplit):\n        " + body
    kind = import_source(source)["TestIt"]
    assert bodies.asserts(kind.test_x) is bodies.asserts(kind().test_x) is expected


@pytest.mark.parametrize(("body", "expected"), [("check(graysplit)", True), ("graysplit", False)])
def test_lambda_and_partial_bodies_are_read(import_source, bodies, body, expected):
    """Two lambdas on one line cannot be told apart, so either of them counts."""
    names = import_source(f"def check(x): ...\ntest_x = lambda graysplit: {body}")
    assert bodies.asserts(names["test_x"]) is bodies.asserts(functools.partial(names["test_x"], 1)) is expected


def test_hypothesis_test_body_is_read_below_given(bodies):
    """`given` wraps the function without setting `__wrapped__`."""
    from hypothesis import given
    from hypothesis import strategies as st

    @given(number=st.integers())
    def loud(number):
        assert number

    @given(number=st.integers())
    def silent(number):
        str(number)

    assert bodies.asserts(loud)
    assert not bodies.asserts(silent)


@pytest.mark.parametrize("thing", [None, len, print, object(), 3, type], ids=lambda thing: type(thing).__name__)
def test_object_without_a_body_asserts_nothing(bodies, thing):
    """Items of other plugins may have no function."""
    assert not bodies.asserts(thing)
    assert not bodies.assert_something(SimpleNamespace())


def test_asserts_disabled_by_python_do_not_count(import_source):
    """`python -O` skips assert statements, except those that pytest has rewritten."""
    bodies, source = Bodies(optimized=True), as_test("assert graysplit")
    assert not bodies.asserts(import_source(source)["test_x"])
    assert Bodies(optimized=True).asserts(import_source(source, **{"@pytest_ar": object()})["test_x"])
    assert Bodies(optimized=True).asserts(import_source(as_test("check_it(graysplit)"))["test_x"])


def test_source_changed_since_import_does_not_break(import_source, bodies, tmp_path):
    """The code object is read then, because pytest runs that."""
    function = import_source(as_test("assert graysplit"))["test_x"]
    for text in ("def (", "\0", ""):
        (tmp_path / "test_written.py").write_text(text, encoding="utf-8")
        linecache.clearcache()
        assert Bodies().asserts(function)
    assert bodies.asserts(function)


def test_function_body_is_read_once(import_source, bodies, monkeypatch):
    """The number of its cases does not matter."""
    function = import_source(as_test("assert graysplit"))["test_x"]
    assert bodies.asserts(function)
    monkeypatch.setattr(linecache, "getlines", None)
    assert bodies.asserts(function)


CASES = """
    import unittest

    @pytest.mark.graysplit(prompt="One?")
    def test_silent(graysplit): graysplit.treatment.text

    @pytest.mark.graysplit(prompt="One?")
    def test_without_a_fixture(): pass

    @pytest.mark.graysplit(prompt="One?", max_latency_s=60, max_cost_usd=1, max_latency_ratio=1000)
    def test_budgets(graysplit): pass

    @pytest.mark.graysplit(prompt="One?", expect={})
    def test_empty(graysplit): pass

    def test_silent_relay(graysplit_relay): graysplit_relay.compare("One?")

    @pytest.mark.graysplit(prompt="One?", asserts=False)
    def test_denied(graysplit): assert graysplit

    @pytest.mark.graysplit(prompt="One?")
    def test_fixture_alone(graysplit, asserting): pass

    @pytest.mark.graysplit(prompt="One?", expect={"contains": "Answer"})
    def test_loud_expect(graysplit): pass

    @pytest.mark.graysplit(prompt="One?", min_similarity=0.1)
    def test_loud_threshold(graysplit): pass

    @pytest.mark.graysplit(prompt="One?", min_similarity=0.1)
    def test_loud_threshold_alone(graysplit_reply): pass

    @pytest.mark.graysplit(prompt="One?")
    def test_loud_body(graysplit): assert graysplit.treatment.text

    @pytest.mark.graysplit(prompt="One?")
    def test_loud_reply(graysplit_reply): assert graysplit_reply.text

    def test_loud_relay(graysplit_relay): assert graysplit_relay.compare("One?").treatment.text

    def test_loud_relay_expects(graysplit_relay): graysplit_relay.compare("One?", expect={"contains": "Answer"})

    def test_loud_relay_says_so(graysplit_relay): looks_good(graysplit_relay.compare("One?", asserts=True))

    @pytest.mark.graysplit(prompt="One?", asserts=True)
    def test_loud_by_marker(graysplit): looks_good(graysplit.treatment.text)

    @pytest.mark.graysplit
    @pytest.mark.parametrize("prompt", ["One?"], indirect=True)
    def test_loud_awaited(graysplit, prompt): assert graysplit

    @pytest.mark.graysplit(prompt="One?")
    class TestLoud:
        @pytest.mark.graysplit(asserts=True)
        def test_method(self, graysplit): looks_good(graysplit)

    class TestUnit(unittest.TestCase):
        @pytest.mark.graysplit(prompt="One?")
        def test_loud(self): self.assertTrue(True)

        @pytest.mark.graysplit(prompt="One?")
        def test_silent(self): pass

    def looks_good(text): assert text

    @pytest.fixture
    def prompt(request): return request.param

    @pytest.fixture
    def asserting(graysplit):
        yield
        assert graysplit.treatment.text
"""


@pytest.mark.parametrize("workers", [[], pytest.param(["-n1"], marks=pytest.mark.xdist)], ids=["alone", "xdist"])
def test_report_says_which_cases_are_asserted(project, workers):
    """A case is asserted by `expect`, by a threshold or by the body; one arm's item is enough."""
    project.test_file(CASES)
    project.write("own.graysplit.jsonl", '{"id": "file-silent", "prompt": "One?", "max_latency_s": 60}\n'
                  '{"id": "file-loud", "prompt": "One?", "expect": {"max_words": 90}}\n')  # fmt: skip
    project.run(*workers, "--graysplit-gate=none", "--graysplit-json=report.json")
    asserted_by_id = {case["id"]: case["asserted"] for case in project.report()["cases"]}
    assert len(asserted_by_id) == 22
    assert {name for name, asserted in asserted_by_id.items() if asserted is not ("loud" in name.lower())} == set()


def test_threshold_option_counts_as_an_assertion(project):
    """A threshold of `auto` that could not be calibrated does not count."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    asserted = {}
    for threshold in ("0.2", "auto"):
        arguments = ["--graysplit-control-samples=2", f"--graysplit-min-similarity={threshold}"]
        project.run(*arguments, "--graysplit-gate=none", "--graysplit-json=report.json")
        [case] = project.report()["cases"]
        asserted[threshold] = case["asserted"]
    assert asserted == {"0.2": True, "auto": False}


CASE = """
    @pytest.mark.graysplit
    @pytest.mark.parametrize("case", [{"prompt": "One?", "asserts": True}])
    def test_x(graysplit, case): pass
"""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            '@pytest.mark.graysplit(prompt="One?", asserts="yes")\ndef test_x(): pass',
            "expected true or false, got 'yes'",
        ),
        ('@pytest.mark.graysplit(prompt="One?", aserts=True)\ndef test_x(): pass', "did you mean asserts?"),
        (CASE, "asserts: unknown field"),
    ],
)
def test_invalid_asserts_field_is_a_usage_error(project, source, message):
    """Only the marker takes the field, and its value is true or false."""
    project.test_file(source)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert message in result.stdout.str()


def test_asserts_in_a_case_file_is_refused(project):
    """The message names the marker, because a case file has no body."""
    project.write("own.graysplit.jsonl", '{"prompt": "One?", "asserts": true}\n')
    assert "write @pytest.mark.graysplit(asserts=True)" in project.run().stdout.str()
