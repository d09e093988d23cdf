"""The plugin installed but unused: no output, no files, no heavy import."""


def test_unused_plugin_prints_and_writes_nothing(project):
    """There is no header, summary or folder, even if a key is set."""
    project.test_file("def test_own(): pass")
    result = project.run_without_models()
    result.assert_outcomes(passed=1)
    text = "\n".join(line for line in result.outlines if not line.startswith(("plugins:", "rootdir:")))
    assert "graysplit" not in text
    assert sorted(path.name for path in project.path.iterdir() if path.name != "__pycache__") == [
        ".pytest_cache",
        "test_it.py",
    ]


def test_unused_plugin_imports_nothing_heavy(project):
    """The HTTP client, the metrics and the YAML reader are imported only by a run that needs them."""
    project.test_file(
        """
        import sys

        def test_own():
            heavy = {"h11", "httpx", "rapidfuzz", "msgspec", "yaml", "jsonschema", "filelock", "asyncio", "uvicorn"}
            assert heavy.isdisjoint(sys.modules)
        """
    )
    quiet = ["-pno:anyio", "-pno:hypothesispytest", "-pno:pytest_cov", "-pno:respx", "-pno:xdist", "-pno:randomly"]
    project.pytester.runpytest_subprocess(*quiet).assert_outcomes(passed=1)


def test_plugin_can_be_switched_off(project):
    """`-p no:graysplit` leaves an unknown mark and no fixture."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(): pass\n\ndef test_own(): pass')
    result = project.run_without_models("-p", "no:graysplit", "-W", "ignore::pytest.PytestUnknownMarkWarning")
    result.assert_outcomes(passed=2)
    assert project.sent() == 0


def test_options_without_marked_tests_print_nothing(project):
    """A shared command line does no harm in a folder without prompts."""
    project.test_file("def test_own(): pass")
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=1)
    assert "= graysplit =" not in result.stdout.str()
    assert not (project.path / "report.json").exists()
    assert not (project.path / ".graysplit").exists()
