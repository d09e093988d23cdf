"""Cases with `turns`, from the requests in waves to the reports: replayed, unfinished, capped, and in A/A runs."""

import json
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from pytest_graysplit.replies.recordings.maintenance.unused import VARIABLE, unused_keys
from pytest_graysplit.replies.recordings.recording_file import read_recording
from pytest_graysplit.types import ReplyKey

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
TALK = """
- id: return-talk
  system: You answer for a lamp shop.
  turns:
    - user: My lamp is broken.
      expect: {contains: broken}
    - user: How long may I send it back?
      expect: {contains: long}
    - And who pays for the parcel?
  expect: {max_words: 80}
- id: greeting
  turns: [Good morning., Thank you.]
  expect: {contains: Answer}
- id: single
  prompt: One question?
  expect: {contains: question}
"""
FIRST, SECOND, THIRD = "My lamp is broken.", "How long may I send it back?", "And who pays for the parcel?"
# Both models give one first answer. The relay's own answers name the model, and a guard flags its number.
SAME_FIRST = {"kind": "text", "text": "It is broken.", "match": f'"{FIRST}"}}]', "times": None}


@pytest.fixture
def talk(project):
    """Two conversations and a single prompt, as a case file."""
    project.write("talk.graysplit.yaml", TALK)
    return project


def asked(project):
    """Return the requests that the relay received: the model, and the messages after those of the system."""
    bodies = project.relay.stats()["bodies"]
    return [
        (body["model"], [message["content"] for message in body["messages"] if message["role"] != "system"])
        for body in bodies
    ]


def answer(model, prompt):
    return f"Answer of {model} to: {prompt}"


def test_each_arm_continues_its_own_answers(talk):
    talk.run("-k", "return-talk").assert_outcomes(passed=1)
    longest = [messages for _, messages in asked(talk) if len(messages) == 5]
    assert sorted(longest) == sorted(
        [FIRST, answer(model, FIRST), SECOND, answer(model, SECOND), THIRD] for model in (CONTROL, TREATMENT)
    )
    assert talk.relay.stats()["bodies"][-1]["messages"][0]["role"] == "system"


def test_turns_are_fetched_in_waves(talk):
    """All first turns are sent before any second one, and the waves are announced."""
    result = talk.run()
    result.assert_outcomes(passed=3)
    lengths = [len(messages) for _, messages in asked(talk)]
    assert lengths == sorted(lengths) == [1] * 6 + [3] * 4 + [5] * 2
    lines = [line.partition(" from")[0] for line in result.outlines if "fetching" in line]
    assert lines == [
        "graysplit: 0 of 12 replies are recorded, fetching 6",
        "graysplit: turn 2 of conversations, fetching 4",
        "graysplit: turn 3 of conversations, fetching 2",
    ]
    assert sum("12 calls, about" in line for line in result.outlines) == 1


def test_replay_finds_every_turn_and_sends_nothing(talk):
    talk.run("--graysplit-json=live.json").assert_outcomes(passed=3)
    sent = talk.sent()
    assert [line["sample"] for line in talk.recorded("talk")] == [0] * 12
    result = talk.run("--graysplit-record=none", "--graysplit-json=replay.json")
    result.assert_outcomes(passed=3)
    assert talk.sent() == sent
    live, replay = (
        [[reply["text"] for reply in (*last["earlier"], last)] for last in case["replies"][TREATMENT]]
        for case in (talk.report("live.json")["cases"][1], talk.report("replay.json")["cases"][1])
    )
    assert live == replay == [[answer(TREATMENT, prompt) for prompt in (FIRST, SECOND, THIRD)]]


def test_changed_answer_is_not_continued_by_the_recording_of_another_one(talk):
    """A recording belongs to the answers before it: after another first answer the second turn is missing."""
    talk.run("-k", "return-talk")
    path = talk.path / "__graysplit__" / "talk.jsonl"
    first = answer(TREATMENT, FIRST)
    lines = path.read_text().splitlines()
    changed = [line.replace(first, "Sorry.") if '"case"' in line and first in line else line for line in lines]
    assert changed != lines
    path.write_text("\n".join(changed) + "\n")
    result = talk.run("-k", "return-talk", "--graysplit-record=none")
    result.assert_outcomes(failed=1)
    assert "[recording-missing]" in result.stdout.str()
    sent = talk.sent()
    talk.run("-k", "return-talk")
    assert [messages[1] for _, messages in asked(talk)[sent:]] == ["Sorry.", "Sorry."]


def test_turns_of_a_run_that_fetches_ahead_are_complete(talk):
    """Every request is sent once, and each arm continues its own answers."""
    talk.run("-x").assert_outcomes(passed=3)
    assert sorted(len(messages) for _, messages in asked(talk)) == [1] * 6 + [3] * 4 + [5] * 2
    assert len(talk.recorded("talk")) == 12


@pytest.mark.parametrize(
    ("fault", "slug"),
    [
        ({"kind": "refusal"}, "outcome-refusal"),
        ({"kind": "empty"}, "outcome-empty"),
        ({"kind": "400", "times": None}, "relay-http-error"),
        ({"kind": "tool"}, "turn-tool-call"),
    ],
    ids=["refusal", "empty", "failed", "tool"],
)
def test_conversation_that_cannot_go_on_is_a_miss(talk, fault, slug):
    """The control's turns are asked, the treatment's later ones are not, and the summary names the turn."""
    talk.relay.control(faults=[SAME_FIRST, {**fault, "model": TREATMENT, "match": "How long"}])
    result = talk.run("-k", "return-talk", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert f"[{slug}]" in text
    assert "treatment deepseek-v3.2, turn 2:" in text
    assert "so 1 later turn of the script was not asked" in text
    assert "turns         the arms first part at turn 2 in 1 of 1 conversation" in text
    assert [len(messages) for model, messages in asked(talk) if model == TREATMENT].count(5) == 0
    [case] = talk.report()["cases"]
    assert case["passed"] == {"control": True, TREATMENT: False}
    assert {miss["turn"] for miss in case["misses"][TREATMENT]} == {1}


def test_relay_that_fails_both_arms_leaves_the_conversation_unjudged(talk):
    """As for a single prompt: an unreachable relay says nothing about a model."""
    talk.relay.control(faults=[{"kind": "400", "times": None, "match": "How long"}])
    talk.run("-k", "return-talk", "--graysplit-json=report.json").assert_outcomes(failed=1)
    [case] = talk.report()["cases"]
    assert case["passed"] == {}
    assert talk.report()["comparisons"][0]["verdict"] == "hold"


def test_failure_text_shows_the_turn_at_which_the_arms_part(talk, section_of):
    talk.relay.control(faults=[{"kind": "text", "text": "In the long run, 30.", "model": TREATMENT, "match": "How"}])
    talk.write("talk.graysplit.yaml", TALK.replace("contains: long", "contains: send"))
    result = talk.run("-k", "return-talk")
    lines = section_of(result, "_ return-talk _", "= graysplit =").splitlines()
    assert lines[0].startswith("treatment deepseek-v3.2, turn 2: expected to contain 'send', found 'In the long run")
    begin = next(number for number, line in enumerate(lines) if line.startswith("  similarity"))
    assert lines[begin + 1 :] == [
        "  turn 1     My lamp is broken.",
        "  turn 2     How long may I send it back?",
        "  answers    [-Answer of claude-sonnet-4.5 to: How long may I send it back?-] {+In the long run,",
        "             30.+}",
        "  turn 3     And who pays for the parcel?",
    ]


def test_threshold_is_missed_if_only_an_earlier_turn_differs(talk):
    """The last answers are equal, and so is the mean of most turns."""
    talk.relay.control(faults=[{"kind": "text", "text": "The same.", "times": None}])
    talk.run("-k", "return-talk", "--graysplit-min-similarity=0.9", "--graysplit-record=off")
    talk.relay.control(
        faults=[
            {"kind": "text", "text": "Another one, broken long.", "model": TREATMENT, "match": f'"{FIRST}"}}]'},
            {"kind": "text", "text": "The same, broken long.", "times": None},
        ]
    )
    result = talk.run("-k", "return-talk", "--graysplit-min-similarity=0.9", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert "below 0.9, the first time at turn 1 of 3" in result.stdout.str()
    [case] = talk.report()["cases"]
    assert [miss["slug"] for miss in case["misses"][TREATMENT]] == ["similarity-below"]
    assert [turn["similarity"] == 1 for turn in case["comparisons"][TREATMENT]["turns"]] == [False, True, True]
    assert case["comparisons"][TREATMENT]["parting_turn"] == 0


def test_arms_of_an_aa_run_share_no_answer(talk):
    """Both send one opening; the treatment's conversation has samples of its own at every turn."""
    talk.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={CONTROL}"]
    talk.run("-k", "return-talk", "--graysplit-param=seed=1").assert_outcomes(passed=1)
    assert [(line["sample"]) for line in talk.recorded("talk")].count(1) == 3
    texts = {(line["sample"], line["text"]) for line in talk.recorded("talk")}
    assert len({text for _, text in texts}) == 6  # the relay's answers name the seed
    continued = [messages for _, messages in asked(talk) if len(messages) == 5]
    assert [len({text.rpartition("(")[2] for text in messages[1::2]}) for messages in continued] == [1, 1]


def test_each_sample_continues_itself(talk):
    talk.run("-k", "greeting", "--graysplit-samples=2", "--graysplit-param=seed=1").assert_outcomes(passed=1)
    continued = [(model, messages[1]) for model, messages in asked(talk) if len(messages) == 3]
    assert len(set(continued)) == 4
    assert talk.run("-k", "greeting", "--graysplit-samples=2", "--graysplit-param=seed=1", "--graysplit-record=none")


def test_cap_ends_conversations_and_counts_what_was_paid(talk):
    """The relay's own bill is never above the cap, and a conversation without its later turns is not judged."""
    price = {"input": "3", "output": "15000"}
    talk.relay.control(prices=dict.fromkeys((CONTROL, TREATMENT), price))
    prices = "\n".join(f'"{name}" = {{ input = 3, output = 15000 }}' for name in (CONTROL, TREATMENT))
    talk.write("pyproject.toml", f"[tool.graysplit.prices]\n{prices}\n")
    capped = ["--graysplit-max-cost=0.8", "--graysplit-param=max_tokens=14", "-k", "return-talk"]
    result = talk.run(*capped, "--graysplit-json=report.json")
    result.assert_outcomes(skipped=1, failed=1)  # the failed one says that the cap is used up
    billed = Decimal(talk.relay.stats()["billed"]["cost_usd"])
    assert 0 < billed <= Decimal("0.8")
    report = talk.report()
    assert report["cases"][0]["passed"] == {}
    assert report["cases"][0]["comparisons"] == {}
    assert Decimal(str(report["run"]["spent"]["usd"])) == billed
    assert report["comparisons"][0]["verdict"] == "hold"


def test_later_turns_count_as_used_recordings(talk, monkeypatch):
    """Also those of a model that this collection does not name; a conversation that is gone is unused."""
    talk.run()
    talk.models = [f"--graysplit-control={CONTROL}", "--graysplit-treatment=gpt-4.1"]
    assert unused(talk, monkeypatch) == []
    talk.write("talk.graysplit.yaml", TALK.partition("- id: greeting")[0])
    assert {key.case for key in unused(talk, monkeypatch)} == {"greeting", "single"}
    assert len(unused(talk, monkeypatch)) == 6


def unused(project, monkeypatch):
    """Return the keys that `graysplit recordings tidy --drop-orphans` would remove."""
    path = project.path / "wanted.jsonl"
    path.unlink(missing_ok=True)
    monkeypatch.setenv(VARIABLE, str(path))
    project.run("--collect-only", "-q")
    wanted = map(json.loads, path.read_text().splitlines())
    keys = {ReplyKey(*(row[name] for name in ReplyKey._fields)) for row in wanted}
    return unused_keys(read_recording(project.path / "__graysplit__" / "talk.jsonl", "talk.jsonl"), keys)


def test_conversation_in_a_marker_and_in_the_body(project):
    """The fixture has the reply to the last turn with the earlier ones; the relay fixture takes turns too."""
    project.test_file(
        """
        @pytest.mark.graysplit(turns=["One?", "Two?"])
        def test_marked(graysplit):
            assert [reply.text[-4:] for reply in graysplit.treatment.turns] == ["One?", "Two?"]
            assert graysplit.control.turn == 1

        @pytest.mark.graysplit(turns=["One?", "Two?"])
        def test_alone(graysplit_reply):
            assert graysplit_reply.text.endswith("Two?") and len(graysplit_reply.turns) == 2

        def test_body(graysplit_relay):
            reply = graysplit_relay.reply(turns=["Three?", "Four?"], arm="control")
            assert [one.text[-5:] for one in reply.turns] == ["hree?", "Four?"]
            with pytest.raises(Exception, match="both prompt and turns"):
                graysplit_relay.compare("One?", turns=["Two?"])
        """
    )
    project.run().assert_outcomes(passed=4)
    project.run("--graysplit-record=none").assert_outcomes(passed=4)


def test_body_sees_the_answer_at_which_a_conversation_ended_and_cannot_pass_it(project):
    project.relay.control(faults=[{"kind": "refusal", "model": TREATMENT, "match": "One?"}])
    project.test_file(
        """
        @pytest.mark.graysplit(turns=["One?", "Two?"])
        def test_marked(graysplit):
            assert len(graysplit.treatment.turns) == 1
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "[turn-unasked]" in result.stdout.str()


def test_judge_reads_all_answers_up_to_a_turn(talk):
    """Two requests for each turn; the answer of a later turn stands after the earlier ones."""
    talk.relay.control(models=[CONTROL, TREATMENT, "judge-longer"])
    talk.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    talk.run("-k", "greeting", "--graysplit-metric=judge").assert_outcomes(passed=1)
    judged = [body["messages"][-1]["content"] for body in talk.relay.stats()["bodies"] if "judge" in body["model"]]
    assert len(judged) == 4
    assert sum("[user]\nThank you.\n\n[assistant]\nAnswer of" in text for text in judged) == 2
    sent = talk.sent()
    talk.run("-k", "greeting", "--graysplit-metric=judge", "--graysplit-record=none").assert_outcomes(passed=1)
    assert talk.sent() == sent


def test_rubric_is_judged_about_all_answers_of_a_conversation(talk):
    """One request for each criterion and arm, although there are three answers; an unfinished one is not judged."""
    talk.relay.control(
        models=[CONTROL, TREATMENT, "judge-longer"],
        faults=[{"kind": "refusal", "model": TREATMENT, "match": "How long"}],
    )
    talk.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    talk.write("talk.graysplit.yaml", TALK.replace("expect: {max_words: 80}", "rubric: [is kind]"))
    talk.run("-k", "return-talk", "--graysplit-json=report.json")
    [judged] = [body for body in talk.relay.stats()["bodies"] if body["model"] == "judge-longer"]
    shown = judged["messages"][-1]["content"]
    assert all(answer(CONTROL, prompt) in shown for prompt in (FIRST, SECOND, THIRD))
    assert f"[user]\n{SECOND}" in shown
    [case] = talk.report()["cases"]
    assert {miss["slug"] for miss in case["misses"][TREATMENT]} >= {"outcome-refusal", "turn-unasked"}


def test_redacted_answer_is_continued_as_it_is_recorded(talk):
    """The next request repeats the recorded text, so that a replay finds it and the text does not leave again."""
    talk.write("conftest.py", "def pytest_graysplit_redact(text): return text.replace('broken', '[state]')")
    talk.write("talk.graysplit.yaml", TALK.replace("contains: broken", "contains: to"))
    talk.run("-k", "return-talk").assert_outcomes(passed=1)
    continued = [messages for _, messages in asked(talk) if len(messages) == 5]
    assert [messages[1].rpartition(": ")[2] for messages in continued] == ["My lamp is [state]."] * 2
    talk.run("-k", "return-talk", "--graysplit-record=none").assert_outcomes(passed=1)


def test_hook_changes_the_first_request_and_later_ones_continue_it(talk):
    talk.write(
        "conftest.py",
        """
        def pytest_graysplit_modify_request(case, model, arm, body):
            body["messages"][-1]["content"] += f" {len(case.turns)}"
            body["temperature"] = 0.5
        """,
    )
    talk.run("-k", "greeting").assert_outcomes(passed=1)
    assert [messages[::2] for _, messages in asked(talk)] == [
        *[["Good morning. 2"]] * 2,
        *[["Good morning. 2", "Thank you."]] * 2,
    ]
    assert {body["temperature"] for body in talk.relay.stats()["bodies"]} == {0.5}


def test_junit_names_the_turns(talk):
    talk.relay.control(faults=[SAME_FIRST, {"kind": "refusal", "model": TREATMENT, "match": "How long"}])
    talk.run("-k", "return-talk", "--junitxml=junit.xml")
    found = {one.get("name"): one.get("value") for one in ET.parse(talk.path / "junit.xml").iter("property")}
    assert (found[f"graysplit_turns[{TREATMENT}]"], found["graysplit_turns[control]"]) == ("2 of 3", "3 of 3")
    assert found["graysplit_parting_turn"] == "2"


def test_estimate_counts_earlier_answers_with_their_limit(talk):
    """The second request of the greeting repeats an answer of up to 100 tokens: (100 + 7 + 7) x $3 per million more."""
    prices = "\n".join(f'"{name}" = {{ input = 1000, output = 0 }}' for name in (CONTROL, TREATMENT))
    talk.write("pyproject.toml", f"[tool.graysplit.prices]\n{prices}\n")
    figures = {}
    for limit in (100, 1100):
        result = talk.run("-k", "greeting", f"--graysplit-param=max_tokens={limit}", "--graysplit-record=off")
        [line] = [line for line in result.outlines if " calls, about" in line]
        figures[limit] = float(line.rpartition("$")[2])
    assert round(figures[1100] - figures[100], 1) == 2.0  # two arms, 1,000 tokens each, $1,000 per million


def test_files_are_sent_and_only_their_hash_is_stored(project):
    """Every turn sends the image; recordings, reports and the failure have its type, size and hash."""
    image, content = b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "iVBORw0KGgo"
    (project.path / "images").mkdir()
    (project.path / "images" / "lamp.png").write_bytes(image)
    project.write(
        "seen.graysplit.yaml",
        """
        - id: seen
          turns:
            - user:
                - {type: text, text: Say what is broken.}
                - {type: image_url, image_url: {url: "file:images/lamp.png"}}
            - And what does a new one cost?
          expect: {contains: nothing of this kind}
        """,
    )
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    bodies = project.relay.stats()["bodies"]
    urls = [body["messages"][0]["content"][1]["image_url"]["url"] for body in bodies]
    assert len(bodies) == 4
    assert {url.partition(",")[0] for url in urls} == {"data:image/png;base64"}
    assert all(content in url for url in urls)
    written = [(project.path / name).read_text() for name in ("report.json", "__graysplit__/seen.jsonl")]
    for text in (*written, result.stdout.str()):
        assert content not in text
    assert all(f"attached:image/png;bytes={len(image)};sha256=" in text for text in written)
    project.run("--graysplit-record=none").assert_outcomes(failed=1)
    assert len(project.relay.stats()["bodies"]) == 4
    (project.path / "images" / "lamp.png").write_bytes(image + b"!")
    result = project.run("--graysplit-record=none")
    assert "[recording-missing]" in result.stdout.str()


def test_files_of_a_marker_are_beside_the_test_file(project):
    (project.path / "tests").mkdir()
    (project.path / "tests" / "lamp.gif").write_bytes(b"GIF89a")
    project.test_file(
        """
        PARTS = [{"type": "image_url", "image_url": {"url": "file:lamp.gif"}}]

        @pytest.mark.graysplit(messages=[{"role": "user", "content": PARTS}])
        def test_marked(graysplit): pass

        def test_body(graysplit_relay):
            graysplit_relay.reply([{"role": "user", "content": PARTS}])

        @pytest.mark.graysplit
        @pytest.mark.parametrize("messages", [[{"role": "user", "content": PARTS}]])
        def test_argument(graysplit, messages): pass
        """,
        "tests/test_it.py",
    )
    project.run().assert_outcomes(passed=3)
    urls = {body["messages"][0]["content"][0]["image_url"]["url"] for body in project.relay.stats()["bodies"]}
    assert urls == {"data:image/gif;base64,R0lGODlh"}
