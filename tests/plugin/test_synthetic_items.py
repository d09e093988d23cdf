"""Items that the plugin adds to a run: they look like collected ones in the terminal, JUnit XML and exit code."""

from xml.etree import ElementTree as ET

import pytest


@pytest.fixture
def emitting_project(project):
    """One test, and a conftest that emits a passed item after it and, if a file exists, a failed one."""
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


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist), ["-x"], ["-v"], ["-q"], ["-p", "no:terminal"]]
)
def test_passed_synthetic_item_counts_as_passed(emitting_project, workers):
    """The exit code stays 0."""
    result = emitting_project.run(*workers, "--junit-xml=junit.xml")
    assert result.ret == pytest.ExitCode.OK
    root = ET.parse(emitting_project.path / "junit.xml").getroot()
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert sorted(names) == [("graysplit", "first[a]"), ("test_it", "test_own")]
    assert root[0].get("failures") == "0"


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist), ["-x"]])
def test_failed_synthetic_item_fails_the_run(emitting_project, workers):
    """Its text is shown like that of a failed test, and its line is in the list of failures."""
    emitting_project.write("fail", "")
    result = emitting_project.run(*workers, "--junit-xml=junit.xml")
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
    failures = [failure.text for failure in ET.parse(emitting_project.path / "junit.xml").getroot().iter("failure")]
    assert failures == ["it is not good enough\n  hint: do better"]


def test_synthetic_item_has_its_own_line(emitting_project):
    """Under -v it stands below the tests, like the line of a test."""
    emitting_project.write("fail", "")
    lines = emitting_project.run("-v").outlines
    shown = [line.split()[:2] for line in lines if "::" in line and "%]" in line]
    assert shown == [
        ["test_it.py::test_own", "PASSED"],
        ["graysplit::first[a]", "PASSED"],
        ["graysplit::second[b]", "FAILED"],
    ]


@pytest.mark.parametrize("option", ["--lf", "--stepwise"])
def test_failed_synthetic_item_is_not_run_again(emitting_project, option):
    """--lf and --stepwise do not look for it, because it is in no file."""
    emitting_project.write("fail", "")
    emitting_project.run(*(["--stepwise"] if option == "--stepwise" else []))
    (emitting_project.path / "fail").unlink()
    result = emitting_project.run(option)
    assert result.parseoutcomes() == {"passed": 2}
    assert "known failures" not in result.stdout.str()
    assert "not found" not in result.stdout.str()
