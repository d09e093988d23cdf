"""An item that nobody collected looks like any other: in the terminal, in JUnit XML, in the counts, in the exit code."""

from xml.etree import ElementTree as ET

import pytest


@pytest.fixture
def emitting(project):
    """One test, and a conftest that emits a passed and, where a file says so, a failed item after it."""
    project.write(
        "conftest.py",
        """
        import pytest
        from pytest_graysplit.plugin.report.item_reports import emit

        @pytest.hookimpl(wrapper=True)
        def pytest_runtestloop(session):
            result = yield
            if not hasattr(session.config, "workerinput"):
                emit(session, "first[a]", None)
                if (session.config.rootpath / "fail").exists():
                    emit(session, "second[b]", "it is not good enough\\n  hint: do better")
            return result
        """,
    )
    project.test_file("def test_own(): pass")
    return project


@pytest.mark.parametrize("workers", [[], ["-n2"], ["-x"], ["-v"], ["-q"], ["-p", "no:terminal"]])
def test_a_passed_item_is_one_more_pass(emitting, workers):
    """And the run stays green."""
    result = emitting.run(*workers, "--junit-xml=junit.xml")
    assert result.ret == pytest.ExitCode.OK
    root = ET.parse(emitting.path / "junit.xml").getroot()
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert sorted(names) == [("graysplit", "first[a]"), ("test_it", "test_own")]
    assert root[0].get("failures") == "0"


@pytest.mark.parametrize("workers", [[], ["-n2"], ["-x"]])
def test_a_failed_item_fails_the_run(emitting, workers):
    """Its text is shown as a failure's, and its line is found where failures are listed."""
    emitting.write("fail", "")
    result = emitting.run(*workers, "--junit-xml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes() == {"failed": 1, "passed": 2}
    result.stdout.fnmatch_lines(
        [
            "*_ second[[]b[]] _*",
            "it is not good enough",
            "  hint: do better",
            "FAILED graysplit::second[[]b[]] - it is not good enough",
        ]
    )
    failures = [failure.text for failure in ET.parse(emitting.path / "junit.xml").getroot().iter("failure")]
    assert failures == ["it is not good enough\n  hint: do better"]


def test_it_has_a_line_of_its_own(emitting):
    """Under -v as every test has, else below the tests that ran."""
    emitting.write("fail", "")
    lines = emitting.run("-v").outlines
    shown = [line.split()[:2] for line in lines if "::" in line and "%]" in line]
    assert shown == [
        ["test_it.py::test_own", "PASSED"],
        ["graysplit::first[a]", "PASSED"],
        ["graysplit::second[b]", "FAILED"],
    ]


@pytest.mark.parametrize("option", ["--lf", "--stepwise"])
def test_the_next_run_does_not_look_for_it(emitting, option):
    """There is no file that it could be found in."""
    emitting.write("fail", "")
    emitting.run(*(["--stepwise"] if option == "--stepwise" else []))
    (emitting.path / "fail").unlink()
    result = emitting.run(option)
    assert result.parseoutcomes() == {"passed": 2}
    assert "known failures" not in result.stdout.str()
    assert "not found" not in result.stdout.str()
