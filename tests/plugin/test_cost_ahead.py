"""What a run will cost is said before the first call, and only where there is one."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
LIMITED = "--graysplit-param=max_tokens=100"
TWO = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", ["One?", "Two?"])
def test_x(graysplit, prompt): pass
"""


def told(result):
    return [line for line in result.outlines if line.startswith("graysplit: ") and " call" in line]


def limited(prompt):
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": 100}


def test_recorded_usage_tells_what_the_rest_will_cost(project):
    """The prompt as the other model counted it, the answer as long as the model's own: (500 x $0.28 + 40 x $0.42) / M."""
    from pytest_graysplit.types import Usage

    usage = Usage(prompt=500, completion=40, total=540)
    for prompt in ("One?", "Two?"):
        project.record(f"test_x[{prompt}]", prompt, model=CONTROL, body=limited(prompt), usage=usage)
    project.record("test_x[One?]", "One?", model=TREATMENT, body=limited("One?"), usage=usage)
    project.test_file(TWO)
    assert told(project.run(LIMITED)) == ["graysplit: 1 call, about $0.00016"]


def test_sizes_tell_it_where_nothing_is_recorded(project):
    """Half of the limit, 50 tokens a reply: 2 x (50 x $15 + 50 x $0.42) / M, and a little for the prompts."""
    project.test_file(TWO)
    assert told(project.run(LIMITED, "--graysplit-max-cost=1")) == ["graysplit: 4 calls, about $0.0017, cap $1.00"]


def test_an_unknown_price_leaves_a_lower_bound(project):
    """Named, and never taken for nothing: the rest is what is known."""
    project.relay.control(models=[CONTROL, "my-model"])
    project.models = [f"--graysplit-control={CONTROL}", "--graysplit-treatment=my-model"]
    project.test_file(TWO)
    assert told(project.run()) == ["graysplit: 4 calls, at least about $0.0091: no price for my-model"]


def test_a_run_that_may_stop_early_tells_what_all_of_it_would_cost(project):
    """Once, before its first call."""
    project.test_file(TWO)
    assert told(project.run("-x", LIMITED)) == ["graysplit: 4 calls, about $0.0017, if every test runs"]


def test_what_the_cases_can_show_is_said_before_they_are_asked(project):
    """Ahead of all tests or of the first call; the cases of a cluster count once; nothing is said in a replay, under -q, or of looks."""
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


@pytest.mark.parametrize("arguments", [["-n2"], ["-qq"], ["-x", "-qq"]])
def test_it_is_not_said_where_nobody_could_read_it(project, arguments):
    """A worker has no terminal and sees only a part of the run; -qq wants no word."""
    project.test_file(TWO)
    assert told(project.run(*arguments)) == []


@pytest.mark.parametrize("arguments", [[], ["-x"]])
def test_a_replay_costs_nothing_and_says_nothing(project, arguments):
    """Where no call is made there is no estimate."""
    project.test_file(TWO)
    project.run()
    assert told(project.run(*arguments)) == []


def test_a_run_that_stores_nothing_reads_nothing(project):
    """`off` does not look at recordings, not even at a broken one."""
    project.write("__graysplit__/test_it.jsonl", "broken\n")
    project.test_file(TWO)
    assert len(told(project.run("--graysplit-record=off", LIMITED))) == 1
