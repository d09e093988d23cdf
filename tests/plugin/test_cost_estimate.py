"""The cost estimate before a run: it is printed before the first request, and only when there is one."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
LIMITED = "--graysplit-param=max_tokens=100"
TWO = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", ["One?", "Two?"])
def test_x(graysplit, prompt): pass
"""


def estimate_lines(result):
    return [line for line in result.outlines if line.startswith("graysplit: ") and " call" in line]


def limited_body(prompt):
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": 100}


def test_cost_estimate_uses_recorded_usage(project):
    """The prompt has the recorded size, the reply the usual one of its model: (500 x $0.28 + 40 x $0.42) / M."""
    from pytest_graysplit.types import Usage

    usage = Usage(prompt=500, completion=40, total=540)
    for prompt in ("One?", "Two?"):
        project.record(f"test_x[{prompt}]", prompt, model=CONTROL, body=limited_body(prompt), usage=usage)
    project.record("test_x[One?]", "One?", model=TREATMENT, body=limited_body("One?"), usage=usage)
    project.test_file(TWO)
    assert estimate_lines(project.run(LIMITED)) == ["graysplit: 1 call, about $0.00016"]


def test_cost_estimate_uses_text_sizes_without_recordings(project):
    """A reply counts as half of the limit, 50 tokens: 2 x (50 x $15 + 50 x $0.42) / M, and a little for the prompts."""
    project.test_file(TWO)
    assert estimate_lines(project.run(LIMITED, "--graysplit-max-cost=1")) == [
        "graysplit: 4 calls, about $0.0017, cap $1.00"
    ]


def test_cost_estimate_without_a_price_is_a_lower_bound(project):
    """The model is named, and the known costs are summed."""
    project.relay.control(models=[CONTROL, "my-model"])
    project.models = [f"--graysplit-control={CONTROL}", "--graysplit-treatment=my-model"]
    project.test_file(TWO)
    assert estimate_lines(project.run()) == ["graysplit: 4 calls, at least about $0.0091: no price for my-model"]


def test_cost_estimate_with_an_early_exit_covers_every_test(project):
    """It is printed once, before the first request."""
    project.test_file(TWO)
    assert estimate_lines(project.run("-x", LIMITED)) == ["graysplit: 4 calls, about $0.0017, if every test runs"]


def test_power_of_the_cases_is_printed_before_the_run(project):
    """The cases of a cluster count once; a replay, -q and planned looks print nothing."""
    project.write(
        "made.graysplit.yaml",
        "\n".join(f"- {{id: c{n}, prompt: 'Prompt {n}?', cluster: t{n // 2}}}" for n in range(60)),
    )

    def shown(*arguments):
        return [line for line in project.run(*arguments).outlines if " show a margin of " in line]

    line = (
        "graysplit: 60 cases in 30 clusters show a margin of 5 points in 12 of 100 runs of an equal treatment if 10% of "
        "cases differ, in 12 if 20% do"
    )
    off = "--graysplit-record=off"
    assert [shown(), shown()] == [[line], []]
    assert [shown(off, "-x"), shown(off, "-q"), shown(off, "--graysplit-looks=30,60")] == [[line], [], []]


@pytest.mark.parametrize("arguments", [pytest.param(["-n2"], marks=pytest.mark.xdist), ["-qq"], ["-x", "-qq"]])
def test_cost_estimate_is_not_printed_by_workers_or_under_qq(project, arguments):
    """A worker has no terminal and sees only a part of the run."""
    project.test_file(TWO)
    assert estimate_lines(project.run(*arguments)) == []


@pytest.mark.parametrize("arguments", [[], ["-x"]])
def test_cost_estimate_is_not_printed_for_a_replay(project, arguments):
    """A replay sends no request."""
    project.test_file(TWO)
    project.run()
    assert estimate_lines(project.run(*arguments)) == []


def test_record_mode_off_estimates_without_reading_recordings(project):
    """Even a broken recording is not read."""
    project.write("__graysplit__/test_it.jsonl", "broken\n")
    project.test_file(TWO)
    assert len(estimate_lines(project.run("--graysplit-record=off", LIMITED))) == 1
