"""Separation of thoughts and answer, for every kind of tag that servers leave in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.replies.reasoning_text import as_sent, split_thoughts, without_thoughts
from pytest_graysplit.types import Reply, ToolCall


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>\nHm.\n</think>\n\n30", "Hm.", "30"),
        ("Hm, 14 or 30.\n</think>\n\n30", "Hm, 14 or 30.", "30"),
        ("so it is 30</think>30", "so it is 30", "30"),
        ("so it is 30</think> 30 days", "so it is 30", "30 days"),
        ("It is 30. </think> 30 days", "It is 30.", "30 days"),
        ("</think>\n\n30", "", "30"),
        ("\n\ufeff <THINK>\n\nHm.\n\n</Think>30", "Hm.", "30"),
        ('<think effort="high" lang=en>Hm.</think>30', "Hm.", "30"),
        ("<think>\n\n</think>\n\n30", "", "30"),
        ("<think/>\n30", "", "30"),
        ("<think>a</think>\n<think>b</think>\n30", "a\n\nb", "30"),
        ("<think>a</think>\n</think>\n30", "a", "30"),
        ("<think>a <think>b</think> c</think>30", "a <think>b</think> c", "30"),
        ("<think>They ask what <think> is.</think>A tag.", "They ask what <think> is.", "A tag."),
        ("<think>They ask about `</think>`.</think>A tag.", "They ask about `</think>`.", "A tag."),
        ("They ask about `<think>`.\n</think>\nA tag.", "They ask about `<think>`.", "A tag."),
        ("<think>\n```\n</think>\n```\nis the end.</think>30", "```\n</think>\n```\nis the end.", "30"),
        ("<think>\n```json\n{\n</think>\n\n```json\n{}\n```", "```json\n{", "```json\n{}\n```"),
        ("<think>\n```\n{\n</think>\n\n```\n{}\n```", "```\n{", "```\n{}\n```"),
        ("<think>Hm.</thinking>30", "Hm.", "30"),
        ("<thinking>Hm.</thinking>30", "Hm.", "30"),
        ("<thought>Hm.</thought>30", "Hm.", "30"),
        ("<reasoning>Hm.</reasoning>\n<answer>30</answer>", "Hm.", "<answer>30</answer>"),
        ("<seed:think>Hm.</seed:think>30", "Hm.", "30"),
        ("[THINK]Hm.[/THINK]30", "Hm.", "30"),
        ("\u25c1think\u25b7Hm.\u25c1/think\u25b730", "Hm.", "30"),
        ("<|channel>thought\nHm.<channel|>30", "Hm.", "30"),
        ("<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>30<|END_RESPONSE|>", "Hm.", "30"),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>30<|return|>",
            "Hm.",
            "30",
        ),
        ("<|channel|>final <|constrain|>json<|message|>{}", "", "{}"),
        ("analysisThey ask.assistantfinal30", "They ask.", "30"),
    ],
)
def test_split_thoughts_removes_thoughts_at_the_start(text, reasoning, answer):
    assert split_thoughts(text) == (reasoning, answer)


@pytest.mark.parametrize(
    "text",
    ["<think>\nHm, let me", "Hm.</think>", "<think>Hm.</think>\n", "[THINK]Hm", "<|channel|>analysis<|message|>Hm", "<think>"],
)  # fmt: skip
def test_split_thoughts_without_an_answer_leaves_an_empty_one(text):
    assert split_thoughts(text).answer == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 30\n",
        "Close it with `</think>`.",
        "Close it with </think>.",
        'The tag "</think>" ends a block.',
        "The tag (</think>) ends a block.",
        "The tag </think> ends a block, whatever stands in it.",
        "Use <think>...</think> around it.\n\nThat is all.",
        "```html\n<think>Hm.</think>\n```",
        "Like this:\n\n```\nHm.\n</think>\n```\n",
        '{"html": "Hm</think>30"}',
        "`<think>` opens it and `</think>` closes it.",
        "<thinker>x</thinker>",
        "<p>I think</p>",
        "analysis shows [1] that a < b",
        "If a <think b and",
    ],
)
def test_split_thoughts_ignores_quoted_tags(text):
    assert split_thoughts(text) == ("", text)


PIECES = [
    "<think>",
    "</think>",
    "`",
    "```\n",
    "\n",
    " ",
    "a",
    ".",
    "[THINK]",
    "<|channel|>",
    "final",
    "<|message|>",
    '"',
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_split_thoughts_accepts_any_text(text):
    """The answer is always a part of the text."""
    assert split_thoughts(text).answer in text


@given(st.text(max_size=20), st.text(st.characters(exclude_characters="<>[]\u25c1\u25b7`"), max_size=20))
def test_split_thoughts_keeps_the_answer_after_any_thoughts(thoughts, answer):
    """Thoughts may be any text without a tag."""
    thoughts = thoughts.replace("<", "").replace("[", "").replace("\u25c1", "")
    assert split_thoughts(f"<think>{thoughts}\n</think>\n\n{answer}").answer == answer.lstrip()


@pytest.mark.parametrize(
    "text",
    ["</think>", "<think>", "<think></think>", "a </think> b ", "`", "~", "<", "[THINK]</think>", "<|channel|>", "<think\n"],
)  # fmt: skip
def test_split_thoughts_takes_linear_time(text):
    """A million letters of tags end far within the suite's timeout; a quadratic search would not."""
    split_thoughts(text * (1_000_000 // len(text)) + "`</think>")


def refuses(text):
    return text.startswith("Sorry")


@pytest.mark.parametrize(
    ("text", "fields", "outcome"),
    [
        ("<think>Hm.</think>30", {}, "ok"),
        ("<think>Hm.</think>Sorry, no.", {}, "refusal"),
        ("<think>Hm.", {}, "empty"),
        ("<think>Hm.", {"tool_calls": (ToolCall("f"),)}, "ok"),
        ("<think>Hm.", {"outcome": "truncated"}, "truncated"),
    ],
)
def test_reply_recorded_whole_has_the_outcome_of_its_answer(text, fields, outcome):
    reply = without_thoughts(Reply(**{"model": "m", "outcome": "ok", "text": text, **fields}), refuses)
    assert (reply.outcome, reply.reasoning) == (outcome, "Hm.")


@pytest.mark.parametrize(
    ("sent", "reasoning", "apart"),
    [
        ("<think>a</think>b", "a", ""),
        ("<think>a</think>b", "sent apart", "sent apart"),
        ("", "sent apart", "sent apart"),
    ],
)
def test_as_sent_returns_the_whole_text_for_the_recording(sent, reasoning, apart):
    """With the reasoning that was sent separately."""
    reply = Reply(model="m", outcome="ok", text="b", reasoning=reasoning, sent_text=sent)
    assert as_sent(reply) == Reply(model="m", outcome="ok", text=sent or "b", reasoning=apart)
