"""Tests of an application beside other plugins: asyncio, anyio, reruns, xdist, early stop, and several samples."""

import importlib.util

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"

needs_test_apps = pytest.mark.skipif(
    importlib.util.find_spec("pytest_asyncio") is None, reason="needs the extra test-apps"
)


@needs_test_apps
def test_async_tests_and_reruns(app_project):
    """An async body runs once per arm with both plugins; the first attempt of a rerun counts, and nothing is paid twice."""
    app_project.test_file(
        """
        import asyncio
        from application import ask

        async def ask_in_thread(text):
            return await asyncio.to_thread(ask, text)

        @pytest.fixture
        async def first():
            return await ask_in_thread("in a fixture")

        @pytest.mark.asyncio
        @pytest.mark.graysplit
        async def test_asyncio(graysplit_app):
            answers = await asyncio.gather(*map(ask_in_thread, ["a?", "b?", "a?"]))
            graysplit_app.output = answers
            assert len(graysplit_app.calls) == 3

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
        @pytest.mark.graysplit
        async def test_anyio(graysplit_app, anyio_backend):
            from anyio.to_thread import run_sync

            graysplit_app.output = await run_sync(ask, "c?")
            assert graysplit_app.model in graysplit_app.output

        attempts = []

        @pytest.mark.flaky(reruns=1)
        @pytest.mark.graysplit
        def test_flaky(graysplit_app):
            attempts.append(graysplit_app.arm)
            graysplit_app.output = ask("d?")
            assert attempts.count(graysplit_app.arm) > 1 or graysplit_app.role == "control"
        """
    )
    plugins = ("-p", "pytest_asyncio.plugin", "-p", "anyio.pytest_plugin", "-p", "pytest_rerunfailures")
    options = (*plugins, "--graysplit-json=report.json", "-oasyncio_default_fixture_loop_scope=function")
    result = app_project.run_in_subprocess(*options)
    assert result.parseoutcomes() == {"passed": 8, "rerun": 1}
    cases = {case["id"]: case for case in app_project.report()["cases"]}
    assert sorted(cases) == ["test_anyio[asyncio]", "test_anyio[trio]", "test_asyncio", "test_flaky"]
    assert cases["test_flaky"]["passed"] == {"control": True, TREATMENT: False}
    assert all(set(case["similarity"]) == {TREATMENT} for case in cases.values())
    assert app_project.sent() == 12


def test_several_samples_and_an_aa_run(app_project):
    """Each arm has an item per sample, next to each other; in an A/A run the treatment takes the samples after."""
    app_project.test_file(
        """
        from application import ask

        @pytest.mark.graysplit(samples=2)
        @pytest.mark.parametrize("ticket", ["a?", "b?"])
        def test_one(graysplit_app, ticket):
            graysplit_app.output = ask(ticket)
            assert graysplit_app.role == "control" or ticket == "a?"
        """
    )
    options = ("--graysplit-control-samples=3", "--graysplit-min-similarity=auto", "--graysplit-gate=none")
    result = app_project.run(*options, "--graysplit-json=report.json", "-v")
    note = "min_similarity=auto does not go with graysplit_app: these tests have no threshold"
    assert result.outlines.count(note) == 1
    names = [line.partition("::")[2].partition(" ")[0] for line in result.outlines if line.startswith("test_it.py::")]
    arms = {"control", "control-2", "control-3", TREATMENT, f"{TREATMENT}-2"}
    for ticket, some in (("a?", names[:5]), ("b?", names[5:])):
        assert set(some) == {f"test_one[{ticket}-{arm}]" for arm in arms}
    first, second = app_project.report()["cases"]
    assert (first["pass_share"], second["pass_share"]) == ({"control": 1, TREATMENT: 1}, {"control": 1, TREATMENT: 0})
    assert (len(first["replies"]["control"]), len(first["spare"]["control"])) == (2, 1)
    assert first["self_similarity"] == 1.0
    app_project.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={CONTROL}"]
    app_project.run("-q", "--graysplit-json=report.json", "--graysplit-gate=none")
    samples = [
        line["sample"] for line in app_project.recorded() if line["case"] == "test_one[a?]" and line["model"] == CONTROL
    ]
    assert sorted(samples) == [0, 1, 2, 3]
    assert app_project.report()["cases"][0]["same_arms"] == [CONTROL]


def test_early_stop_skips_before_the_set_up(app_project):
    """The treatment fails every case, so the run stops; the application is not called for the skipped cases."""
    app_project.test_file(
        """
        from application import ask

        @pytest.fixture
        def opened(request):
            with open("opened.txt", "a") as file:
                file.write("x")

        @pytest.mark.graysplit
        @pytest.mark.parametrize("ticket", range(40))
        def test_one(graysplit_app, opened, ticket):
            assert "claude" in ask(f"{ticket}?")
        """
    )
    result = app_project.run("-q", "--graysplit-early-stop=harm", "--graysplit-gate=none")
    outcomes = result.parseoutcomes()
    assert outcomes["skipped"] > 20
    assert app_project.sent() == 80 - outcomes["skipped"] == len((app_project.path / "opened.txt").read_text("utf-8"))
    result.stdout.fnmatch_lines(["*verdict*REJECT*"])
