"""Families of models, and the warnings about a judge that is related to an arm."""

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.evaluation.judge_kinship import families_of, kinship_warnings

REMEDY = "judges tend to prefer their own answers, so name a judge of another family in [tool.graysplit.judge]"


@pytest.mark.parametrize(
    ("family", "models"),
    [
        ("Claude", ["claude-sonnet-4.5", "anthropic/claude-3-haiku", "us.anthropic.claude-opus-4-1-v1:0", "sonnet"]),
        ("GPT", ["gpt-4.1-mini", "openai/gpt-5", "o3-mini", "openai/o1", "chatgpt-4o-latest", "gpt-oss:20b", "azure/gpt-4o"]),
        ("Gemini", ["gemini-2.5-flash", "models/gemini-2.0-flash-001", "google/gemma-3-27b-it"]),
        ("Llama", ["llama3:latest", "meta-llama/Llama-3.3-70B-Instruct", "ollama/llama3.2", "codellama-7b"]),
        ("Qwen", ["qwen3-32b", "Qwen/QwQ-32B", "ollama/qwen2.5"]),
        ("DeepSeek", ["deepseek-v3.2", "deepseek-ai/DeepSeek-V3:free"]),
        ("Mistral", ["mistral-large-2411", "open-mixtral-8x22b", "codestral-latest", "mistralai/Ministral-8B"]),
        ("Grok", ["x-ai/grok-4"]),
        ("Phi", ["microsoft/phi-4", "phi3:mini"]),
        ("Nova", ["amazon.nova-pro-v1:0"]),
        ("SmolLM", ["smollm2-135m"]),
    ],
)  # fmt: skip
def test_family_is_read_from_the_name(family, models):
    """With vendors, servers, versions and tags around it."""
    assert {model: families_of(model) for model in models} == {model: {family} for model in models}


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("deepseek-r1-distill-llama-70b", {"DeepSeek", "Llama"}),
        ("TheBloke/Llama-2-7B-GPTQ", {"Llama"}),
        ("llama.cpp/our-own", set()),
        ("our-own-7b", set()),
        ("studio3", set()),
        ("himalaya-1", set()),
    ],
)
def test_family_is_not_guessed(model, families):
    """A distilled model has two families; a server and a format of weights name no family."""
    assert families_of(model) == families


@pytest.mark.parametrize(
    ("judge", "arms", "warnings"),
    [
        ("gpt-4.1", ["claude-sonnet-4.5", "deepseek-v3.2"], []),
        ("gpt-4.1", ["claude-sonnet-4.5", "openai/gpt-4o-mini"],
         ["judge gpt-4.1 is of the family of openai/gpt-4o-mini (GPT)"]),
        ("claude-haiku-4.5", ["claude-sonnet-4.5", "claude-opus-4.1"],
         ["judge claude-haiku-4.5 is of the family of claude-sonnet-4.5 and claude-opus-4.1 (Claude)"]),
        ("openai/gpt-4.1-2025-04-14", ["gpt-4.1", "gpt-4.1-mini"],
         ["judge openai/gpt-4.1-2025-04-14 is the model of gpt-4.1 itself",
          "judge openai/gpt-4.1-2025-04-14 is of the family of gpt-4.1-mini (GPT)"]),
        ("our-own", ["our-own", "our-own"], ["judge our-own is the model of our-own itself"]),
        ("our-judge", ["our-own", "our-other"], []),
    ],
)  # fmt: skip
def test_related_judge_is_named(judge, arms, warnings):
    """The model of an arm itself, and one of its family, each in one sentence."""
    found = list(kinship_warnings(Arm.plain(judge), [Arm.plain(arm) for arm in arms]))
    assert found == [f"{warning}: {REMEDY}" for warning in warnings]


def test_arm_is_judged_by_the_model_of_its_table():
    """Its own name says nothing about its family."""
    low = Arm(name="low-effort", model="gpt-5")
    assert list(kinship_warnings(Arm(name="strict", model="gpt-4.1"), [low])) == [
        f"judge strict is of the family of low-effort (GPT): {REMEDY}"
    ]
