"""Tests of an application: one item per arm, recorded and replayed, judged by its asserts and its output."""


def kinds_of(case):
    """Return the kinds of the misses of both arms."""
    return tuple("+".join(miss["kind"] for miss in case["misses"][arm]) for arm in ("control", "deepseek-v3.2"))


def states(result):
    """Return the outcome of each test by its id."""
    found = {}
    for line in result.outlines:
        name, _, rest = line.partition(" ")
        if "::" in name and rest.split()[:1]:
            found.setdefault(name.partition("::")[2], rest.split()[0])
    return found


def test_application_runs_once_per_arm_and_replays(app_project):
    """Requests of the control's model get the arm's model; the run is recorded, replayed, and compared by its output."""
    app_project.test_file(
        """
        from application import ask, support
        from pytest_graysplit import App

        @pytest.mark.graysplit(max_cost_usd=0.01)
        @pytest.mark.parametrize("ticket", ["One?", "Two?"])
        def test_support(graysplit_app: App, ticket):
            before = graysplit_app.calls
            answer = support(ticket)
            graysplit_app.output = "overwritten"
            graysplit_app.output = answer
            app = graysplit_app
            assert graysplit_app.output == answer
            assert (before, len(app.calls)) == ((), 3)
            assert [reply.route for reply in app.calls] == ["embeddings", "chat", "chat"]
            assert answer.count(app.model) == 2
            assert app.role == ("control" if app.model == "claude-sonnet-4.5" else "treatment")
            assert app.arm == app.model and app.case.id == f"test_support[{ticket}]"
            assert app.usage.prompt > 0 and app.latency_s > 0 and app.cost_usd > 0 and app.tool_calls == ()
            assert "calls=3" in repr(app)

        @pytest.fixture
        def answer(graysplit_app):
            return ask("in a fixture")

        @pytest.mark.graysplit
        def test_calls_of_fixtures_count(graysplit_app, answer):
            assert len(graysplit_app.calls) == 1 and graysplit_app.cost_usd > 0

        @pytest.mark.graysplit(cases="rows.yaml")
        def test_rows(graysplit_app):
            graysplit_app.output = ask(graysplit_app.case.prompt)
            assert graysplit_app.case.tags == ("billing",)
        """
    )
    app_project.write(
        "rows.yaml", '- {id: first, prompt: "a?", tags: [billing], expect: {contains: "Answer"}, max_latency_s: 9}\n'
    )
    result = app_project.run("-v", "--graysplit-json=report.json")
    result.assert_outcomes(passed=8)
    names = ("test_support[One?-", "test_support[Two?-", "test_calls_of_fixtures_count[", "test_rows[first-")
    assert sorted(states(result)) == sorted(f"{name}{arm}]" for name in names for arm in ("control", "deepseek-v3.2"))
    sent = app_project.sent()
    assert sent == 14  # the vectors are asked for once and serve both arms
    live = app_project.report()
    assert {case["id"]: case["similarity"] for case in live["cases"]}["test_support[One?]"]["deepseek-v3.2"] < 1
    assert [arm["pass_rate"] for arm in live["arms"]] == [1.0, 1.0]
    result = app_project.run("--graysplit-record=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=8)
    assert app_project.sent() == sent
    replayed = app_project.report()
    assert [case["similarity"] for case in replayed["cases"]] == [case["similarity"] for case in live["cases"]]
    replies = [reply for case in replayed["cases"] for some in case["replies"].values() for reply in some]
    assert len(replies) == 8
    assert all(reply["replayed"] for reply in replies)


def test_arguments_that_may_hold_a_case(app_project):
    """`case` and `prompt` give the case where they can; any other value is the test's own."""
    app_project.test_file(
        """
        from application import ask

        ROWS = [{"id": "own", "tags": ["vip"], "expect": {"contains": "Answer"}}, {"ticket": "a?"}, 7]

        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", ["shown", ""])
        @pytest.mark.parametrize("case", ROWS, ids=["case", "data", "number"])
        def test_arguments(graysplit_app, case, prompt):
            graysplit_app.output = ask("One?")
            known = isinstance(case, dict) and "tags" in case
            assert graysplit_app.case.tags == (("vip",) if known else ())
            assert graysplit_app.case.prompt == ("" if known else prompt)
        """
    )
    app_project.run("--graysplit-treatment=gpt-4.1", "-q").assert_outcomes(passed=18)
    assert app_project.sent() == 18


def test_runs_are_judged(app_project):
    """A miss counts for the arm whose model has answered before; a test that compared nothing counts for none."""
    app_project.write(
        "pyproject.toml",
        """
        [tool.graysplit.app]
        max_calls = 4
        [tool.graysplit.aliases]
        best = "claude-sonnet-4.5"
        """,
    )
    app_project.test_file(
        """
        import contextlib
        from application import ask

        @pytest.mark.graysplit
        def test_assert(graysplit_app):
            assert "claude" in ask("One?")

        @pytest.mark.graysplit
        def test_crash(graysplit_app):
            ask("One?")
            {}["missing"]

        @pytest.mark.graysplit
        def test_bug(graysplit_app):
            {}["missing"]

        @pytest.mark.graysplit
        def test_no_call(graysplit_app):
            graysplit_app.output = "from a cache"

        @pytest.mark.graysplit
        def test_other_model(graysplit_app):
            assert ask("One?", model="gpt-4.1") == "Answer of gpt-4.1 to: One?"

        @pytest.mark.graysplit(swap=["gpt-4.1"])
        def test_swap(graysplit_app):
            assert ask("One?", model="gpt-4.1") == f"Answer of {graysplit_app.model} to: One?"
            assert ask("One?") == "Answer of claude-sonnet-4.5 to: One?"

        @pytest.mark.graysplit
        def test_alias(graysplit_app):
            assert ask("One?", model="best") == f"Answer of {graysplit_app.model} to: One?"

        @pytest.mark.graysplit
        def test_loop(graysplit_app):
            while True:
                with contextlib.suppress(Exception):
                    ask("One?")

        @pytest.mark.graysplit(min_similarity=0.1)
        def test_no_output(graysplit_app):
            ask("One?")

        @pytest.mark.graysplit(expect={"not_contains": "x"})
        def test_empty_output(graysplit_app):
            graysplit_app.output = ask("One?") and None

        @pytest.mark.graysplit
        def test_empty_and_not_compared(graysplit_app):
            graysplit_app.output = ask("One?") and ""
            assert graysplit_app.output == ""

        @pytest.mark.graysplit
        def test_bad_output(graysplit_app):
            ask("One?")
            graysplit_app.output = {"it": object()}

        @pytest.mark.graysplit
        def test_skip(graysplit_app):
            ask("One?")
            pytest.skip("not today")
        """
    )
    result = app_project.run("--graysplit-json=report.json", "--graysplit-gate=none", "-rf")
    cases = {case["id"].removeprefix("test_"): case for case in app_project.report()["cases"]}
    assert {name: (tuple(case["passed"].values()), kinds_of(case)) for name, case in cases.items()} == {
        "assert": ((True, False), ("", "body")),
        "crash": ((False, False), ("body", "body")),
        "bug": ((), ("", "")),
        "no_call": ((), ("", "")),
        "other_model": ((), ("", "")),
        "swap": ((True, True), ("", "")),
        "alias": ((True, True), ("", "")),
        "loop": ((False, False), ("calls", "calls")),
        "no_output": ((False, False), ("outcome", "outcome")),
        "empty_output": ((False, False), ("outcome", "outcome")),
        "empty_and_not_compared": ((True, True), ("", "")),
        "bad_output": ((), ("", "")),
    }
    result.assert_outcomes(passed=7, failed=8, skipped=2)
    result.stdout.fnmatch_lines_random(
        [
            "test_no_call: *asked no model that this test replaces (best and claude-sonnet-4.5): no request reached*",
            "*it asked gpt-4.1 (1 time)",
            "*[[]app-no-call[]]",
            '>       graysplit_app.output = {"it": object()}',
            "E*test_it.py:*graysplit_app.output: expected a text, *, got dict, which holds object",
            "MISS test_it.py::test_loop[[]control[]] - the application made more than 4 calls*",
            "MISS test_it.py::test_crash[[]control[]] - KeyError: 'missing'",
        ]
    )
    result.stdout.no_fnmatch_line("*in text_of_output*")
    result.stdout.no_fnmatch_line("*CallLimitError*")


def test_expectations_of_an_application(app_project):
    """`expect`, a rubric, JSON fields and budgets hold for the output, and tool calls for all calls of the run."""
    app_project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-words"\n')
    refund = {"name": "refund", "arguments": {"order": 7, "amount": 2.5}}
    app_project.relay.control(
        script=[
            {"model": "claude-sonnet-4.5", "match": "refund?", "tool_calls": [refund]},
            {"model": "deepseek-v3.2", "match": "refund?", "tool_calls": [{**refund, "name": "cancel"}]},
        ]
    )
    app_project.test_file(
        """
        from dataclasses import dataclass
        from application import ask

        @dataclass
        class Ticket:
            model: str
            done: bool = True

        @pytest.mark.graysplit(expect={"tool_calls": [{"name": "refund", "arguments": {"order": 7}}]})
        def test_tools(graysplit_app):
            assert not ask("refund?")
            assert "sorry" in ask("say sorry")

        @pytest.mark.graysplit(rubric=["names claude-sonnet-4.5"])
        def test_rubric(graysplit_app):
            graysplit_app.output = ask("Who?")

        @pytest.mark.graysplit(json_fields={"model": "exact"}, expect={"json": {"done": True}})
        def test_fields(graysplit_app):
            ask("Who?")
            graysplit_app.output = Ticket(graysplit_app.model)
            assert graysplit_app.output.done

        @pytest.mark.graysplit(max_latency_s=0.000001)
        def test_budget(graysplit_app):
            graysplit_app.output = ask("Who?")
        """
    )
    result = app_project.run("--graysplit-json=report.json", "--graysplit-gate=none")
    result.assert_outcomes(passed=4)
    cases = {case["id"].removeprefix("test_"): case for case in app_project.report()["cases"]}
    assert {name: kinds_of(case) for name, case in cases.items()} == {
        "tools": ("", "tool_calls"),
        "rubric": ("", "rubric"),
        "fields": ("", ""),
        "budget": ("latency", "latency"),
    }
    assert cases["fields"]["comparisons"]["deepseek-v3.2"]["fields"][0]["field"] == "model"
    assert cases["fields"]["replies"]["deepseek-v3.2"][0]["text"] == '{"model": "deepseek-v3.2", "done": true}'
    app_project.run("-q", "--graysplit-record=none", "--graysplit-gate=none").assert_outcomes(passed=4)


def test_fixtures_that_serve_both_arms(app_project):
    """The value of a shared fixture is that of one arm, so tests that use it are not judged; vectors may be shared."""
    app_project.test_file(
        """
        from application import ask, post

        @pytest.fixture(scope="module")
        def answer():
            return ask("once")

        @pytest.fixture(scope="session")
        def index():
            return post("/embeddings", {"model": "small-vectors", "input": ["one", "two"]})["data"]

        @pytest.mark.graysplit
        def test_shared(graysplit_app, answer):
            assert answer and ask("again")

        @pytest.mark.graysplit
        def test_index(graysplit_app, index):
            assert len(index) == 2 and ask("again")
        """
    )
    result = app_project.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=2, failed=2)
    index, shared = app_project.report()["cases"]
    assert index["passed"] == {"control": True, "deepseek-v3.2": True}
    assert shared["passed"] == {}
    result.stdout.fnmatch_lines(
        ["test_shared: the fixture answer asks the model under test, and with scope 'module' *"]
    )


def test_application_that_gives_up_waiting(app_project):
    """The arm's model was asked and had not answered: a miss of that arm, although no answer was used."""
    app_project.relay.control(latency=0.1)
    app_project.test_file(
        """
        import threading
        import time
        from application import ask

        @pytest.mark.graysplit
        def test_slow(graysplit_app):
            threading.Thread(target=ask, args=["One?"]).start()
            while not graysplit_app._calls.asked:
                time.sleep(0.001)
            raise TimeoutError("gave up")
        """
    )
    app_project.run("--graysplit-json=report.json", "--graysplit-gate=none").assert_outcomes(passed=0)
    [case] = app_project.report()["cases"]
    assert case["passed"] == {"control": False, "deepseek-v3.2": False}
    assert kinds_of(case) == ("body", "body")
    assert len(app_project.recorded()) == 2  # the late answers are kept


def test_fixture_that_breaks_on_an_answer(app_project):
    """A fixture may run the application: its error is a miss of the arm, and one before any request counts for none."""
    app_project.test_file(
        """
        from application import ask

        @pytest.fixture
        def answer(graysplit_app):
            return {"Answer of claude-sonnet-4.5 to: One?": "parsed"}[ask("One?")]

        @pytest.mark.graysplit
        def test_parsed(graysplit_app, answer):
            assert answer == "parsed"

        @pytest.fixture
        def broken(graysplit_app):
            return {}["missing"]

        @pytest.mark.graysplit
        def test_broken(broken):
            assert broken
        """
    )
    for record in ("new", "none"):
        result = app_project.run(f"--graysplit-record={record}", "--graysplit-json=report.json")
        result.assert_outcomes(passed=1, errors=3)
        [case] = app_project.report()["cases"]
        assert (case["id"], case["passed"]) == ("test_parsed", {"control": True, "deepseek-v3.2": False})
        assert kinds_of(case) == ("", "body")
    result.stdout.fnmatch_lines(["the test body failed: KeyError: 'Answer of deepseek-v3.2 to: One?'"])
    assert app_project.report()["run"]["complete"] is False
