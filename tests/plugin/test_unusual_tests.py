"""Marked tests in unusual forms: late markers, hooks in folders, prompts from fixtures, failures outside the body."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
LATE = """
import pytest

{signature}:
    for item in {items}:
        item.add_marker(pytest.mark.graysplit({fields}))
"""
HOOKS = {"pytest_collection_modifyitems(items)": "items", "pytest_itemcollected(item)": "[item]"}


def sent_prompts(project):
    """Return the last message of every request, sorted and without duplicates."""
    return sorted({body["messages"][-1]["content"] for body in project.relay.stats()["bodies"]})


def pass_counts(project):
    """Return the passed and judged cases of each arm in the report."""
    return {arm["role"]: (arm["passed"], arm["cases"]) for arm in project.report()["arms"]}


def write_late_marker(project, signature="pytest_itemcollected(item)", fields='prompt="One?"'):
    project.write("conftest.py", LATE.format(signature=f"def {signature}", items=HOOKS[signature], fields=fields))


@pytest.mark.parametrize(
    "workers",
    [[], pytest.param(["-n1"], marks=pytest.mark.xdist), ["--maxfail=9"]],
    ids=["upfront", "workers", "window"],
)
def test_indirect_prompt_is_the_value_of_its_fixture(project, workers):
    """The parameter itself is never sent, in either order of the fixtures and without one of ours."""
    project.test_file(
        """
        @pytest.fixture
        def prompt(request): return f"made {request.param}"

        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", ["a"], indirect=True)
        def test_x(graysplit, prompt): assert graysplit.case.prompt == prompt

        @pytest.mark.graysplit(expect={"contains": "nowhere"})
        @pytest.mark.parametrize("prompt", ["b"], indirect=["prompt"])
        def test_y(prompt): pass

        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", ["c"], indirect=True)
        def test_z(prompt, graysplit_reply): assert graysplit_reply.text
        """
    )
    result = project.run(*workers, "--graysplit-json=report.json")
    result.assert_outcomes(passed=3, failed=1)
    assert sent_prompts(project) == ["made a", "made b", "made c"]
    assert pass_counts(project) == {"control": (2, 3), "treatment": (2, 3)}


@pytest.mark.parametrize("signature", HOOKS)
def test_marker_added_during_collection_is_planned(project, signature):
    """A test with graysplit_reply still gets one item per arm."""
    write_late_marker(project, signature)
    project.test_file(
        "def test_x(graysplit): pass\n\ndef test_y(graysplit_reply): assert graysplit_reply.text\n\ndef test_z(): pass"
    )
    project.run("--graysplit-json=report.json").assert_outcomes(passed=4)
    assert pass_counts(project) == {"control": (3, 3), "treatment": (3, 3)}


@pytest.mark.parametrize("workers", [[], pytest.param(["-n1"], marks=pytest.mark.xdist)])
def test_invalid_field_of_a_late_marker_is_a_message(project, workers):
    """A usage error of a worker would be lost, so the test fails with the message there."""
    write_late_marker(project, "pytest_collection_modifyitems(items)", 'prompt="One?", min_similarty=1')
    project.test_file("def test_x(graysplit): pass")
    result = project.run(*workers)
    assert result.ret != pytest.ExitCode.OK
    assert "did you mean min_similarity?" in result.stdout.str() + result.stderr.str()
    assert project.sent() == 0


def test_late_marker_with_two_treatments_needs_our_fixture(project):
    """Without the fixture the test has one item, which cannot serve both treatments."""
    write_late_marker(project)
    project.test_file("def test_x(): pass")
    result = project.run("--graysplit-treatment=gpt-4.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "[marker-late]" in result.stderr.str()


def test_marker_applied_by_a_fixture_is_too_late(project):
    """The result is the same for the first marker of a test and for a second one."""
    project.test_file(
        """
        @pytest.fixture
        def applied(request): request.applymarker(pytest.mark.graysplit(prompt="One?"))

        @pytest.mark.graysplit(prompt="Two?")
        def test_x(applied, graysplit): pass

        def test_y(applied, graysplit): pass
        """
    )
    result = project.run()
    result.assert_outcomes(errors=2)
    assert result.stdout.str().count("[marker-late]") == 2


def test_marker_of_a_parameter_applies_to_its_item_alone(project):
    """The other item is unmarked, so it runs once and sends nothing."""
    project.test_file(
        """
        @pytest.mark.parametrize("prompt", ["a", pytest.param("b", marks=pytest.mark.graysplit(max_latency_s=9))])
        def test_x(prompt): pass
        """
    )
    project.run("--graysplit-treatment=gpt-4.1").assert_outcomes(passed=3)
    assert sent_prompts(project) == ["b"]


@pytest.mark.parametrize("model", ["模型-1", "vendor::m[1]", "a b", "control-2", "-"])
def test_arms_of_unusual_names_stay_one_case(project, model):
    """A hook parametrizes after the plugin, and a prompt looks like the name of an arm."""
    project.relay.control(models=[CONTROL, TREATMENT, model])
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_generate_tests(metafunc):
            metafunc.parametrize("tenant", ["control", "t2"])
        """,
    )
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", ["control"])
        def test_x(graysplit_reply, prompt, tenant): pass
        """
    )
    project.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={model}"]
    project.run().assert_outcomes(passed=4)
    assert {line["case"] for line in project.recorded()} == {"test_x[control-control]", "test_x[control-t2]"}


@pytest.mark.parametrize(
    "workers", [[], pytest.param(["-n1"], marks=pytest.mark.xdist), ["-x"]], ids=["upfront", "workers", "window"]
)
def test_hooks_of_a_folder_apply_to_the_folder_alone(project, workers):
    """The hooks change requests, scores and recordings of test modules and case files."""
    for folder in "ab":
        project.write(f"{folder}/test_{folder}.py", f"import pytest\n\n@pytest.mark.graysplit(prompt='secret {folder}')\n"
                      f"def test_{folder}(graysplit): assert (graysplit.similarity == 0.125) is {folder == 'b'}")  # fmt: skip
        project.write(f"{folder}/c{folder}.graysplit.jsonl", f'{{"id": "one", "prompt": "secret file {folder}"}}\n')
    project.write(
        "b/conftest.py",
        """
        def pytest_graysplit_modify_request(case, model, body):
            body["user"] = "b"

        def pytest_graysplit_score(metric, case, control, treatment):
            return 0.125

        def pytest_graysplit_redact(text):
            return text.replace("secret", "[taken out]")
        """,
    )
    project.run(*workers).assert_outcomes(passed=4)
    users = {body["messages"][-1]["content"]: body.get("user") for body in project.relay.stats()["bodies"]}
    assert users == {"secret a": None, "secret file a": None, "secret b": "b", "secret file b": "b"}
    texts = {path.stem: path.read_text(encoding="utf-8") for path in project.path.rglob("__graysplit__/*.jsonl")}
    assert {stem: "secret" in text for stem, text in texts.items()} == {
        "test_a": True, "ca": True, "test_b": False, "cb": False
    }  # fmt: skip


@pytest.mark.parametrize("gate", ["case", "none"])
def test_failure_outside_the_body_is_a_miss(project, gate):
    """A hook, or a teardown, fails the test; an unexpected pass and a green test are not misses."""
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if call.when == "call" and item.name == "test_hook":
                report.outcome, report.longrepr = "failed", "a rule of the house"
            return report
        """,
    )
    project.test_file(
        """
        @pytest.fixture
        def leaking():
            yield
            raise OSError("left open")

        @pytest.mark.graysplit(prompt="One?")
        def test_hook(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_teardown(graysplit, leaking): pass

        @pytest.mark.xfail(strict=True)
        @pytest.mark.graysplit(prompt="Three?")
        def test_unexpected(graysplit): pass

        @pytest.mark.graysplit(prompt="Four?")
        def test_green(graysplit): pass
        """
    )
    project.run(f"--graysplit-gate={gate}", "--graysplit-json=report.json")
    assert pass_counts(project) == {"control": (4, 4), "treatment": (2, 4)}


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 brings subtests")
@pytest.mark.parametrize("gate", ["case", "none"])
def test_subtests_keep_the_results_of_their_test(project, gate):
    """A failed subtest is a miss, and a passed one changes nothing."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        @pytest.mark.parametrize("word", ["Answer", "nowhere"])
        def test_x(graysplit, subtests, word):
            with subtests.test(word=word):
                assert word in graysplit.treatment.text
        """
    )
    result = project.run(f"--graysplit-gate={gate}", "--graysplit-json=report.json")
    assert (result.ret == pytest.ExitCode.OK) is (gate == "none")
    assert pass_counts(project) == {"control": (2, 2), "treatment": (1, 2)}


@pytest.mark.parametrize(
    "name", ["debugging", "setuponly", "setupplan", "skipping", "stepwise", "terminal", "junitxml"]
)
def test_run_without_a_blocked_builtin_plugin_works(project, name):
    """The options of the blocked plugin do not exist then."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    assert project.run("-p", f"no:{name}").ret == pytest.ExitCode.OK
    assert len(project.recorded()) == 2


def test_missing_treatment_skips_without_the_skipping_plugin(project):
    """The plugin that evaluates skip marks is blocked."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(): pass')
    project.run_without_models("-p", "no:skipping").assert_outcomes(skipped=1)


@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "sub/pytest.ini"])
def test_tool_table_is_read_beside_another_config_file(project, name):
    """The nearest pyproject.toml with the table counts, whichever file configures pytest."""
    project.write("pyproject.toml", f'[tool.graysplit.aliases]\n"cheap" = "{TREATMENT}"\n')
    project.write(name, "[pytest]\n")
    folder = "sub/" if "/" in name else ""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass', f"{folder}test_it.py")
    project.models[1] = "--graysplit-treatment=cheap"
    project.run(f"--rootdir={project.path / folder}", folder or ".").assert_outcomes(passed=1)
    assert {body["model"] for body in project.relay.stats()["bodies"]} == {CONTROL, TREATMENT}


@pytest.mark.xdist
def test_lone_surrogate_in_a_reply_is_sent_by_a_worker(project):
    """It is in the reply, and in the message that shows the reply."""
    project.relay.control(faults=[{"kind": "text", "text": "half \ud83d of it", "times": None}])
    project.test_file('@pytest.mark.graysplit(prompt="One?", expect={"contains": "Mars"})\ndef test_x(graysplit): pass')
    result = project.run("-n1", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert pass_counts(project) == {"control": (0, 1), "treatment": (0, 1)}
