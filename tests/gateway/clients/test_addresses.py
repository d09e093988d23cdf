"""Requests for models are told from all others by their address alone."""

import pytest

from pytest_graysplit.gateway.clients.addresses import KnownAddresses, ModelAddress

KNOWN = KnownAddresses(
    endpoints=("http://127.0.0.1:11434/v1", "https://relay.example/v1?team=a"),
    hosts=("llm.corp.example", "models.local:8080", "https://other.example/api", "*.inference.example"),
    gateway="http://127.0.0.1:5001/token/v1",
)


@pytest.mark.parametrize(
    ("url", "base_url", "route"),
    [
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1", "/chat/completions"),
        ("https://api.openai.com/v1/responses", "https://api.openai.com/v1", "/responses"),
        ("https://api.openai.com/v1/responses/resp_1", "https://api.openai.com/v1", "/responses/resp_1"),
        ("https://api.openai.com/v1/embeddings/", "https://api.openai.com/v1", "/embeddings"),
        ("https://api.openai.com/v1/completions", "https://api.openai.com/v1", "/completions"),
        ("https://api.openai.com/v1/models", "https://api.openai.com/v1", "/models"),
        ("https://api.anthropic.com/v1/messages?beta=true", "https://api.anthropic.com/v1?beta=true", "/messages"),
        ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1", "/chat/completions"),
        (
            "https://mine.openai.azure.com/openai/deployments/d1/chat/completions?api-version=1",
            "https://mine.openai.azure.com/openai/deployments/d1?api-version=1",
            "/chat/completions",
        ),
        ("http://localhost:11434/v1/chat/completions", "http://localhost:11434/v1", "/chat/completions"),
        ("http://[::1]:11434/v1/chat/completions", "http://[::1]:11434/v1", "/chat/completions"),
        ("https://relay.example:443/v2/responses", "https://relay.example:443/v2", "/responses"),
        ("http://LLM.corp.example:9000/messages", "http://LLM.corp.example:9000", "/messages"),
        ("http://models.local:8080/embeddings", "http://models.local:8080", "/embeddings"),
        ("https://other.example/embeddings", "https://other.example", "/embeddings"),
        ("https://eu.inference.example/v1/messages", "https://eu.inference.example/v1", "/messages"),
    ],
)
def test_request_for_a_model_is_found(url, base_url, route):
    assert KNOWN.find(url) == ModelAddress(base_url, route)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/files",
        "https://api.openai.com/v1/audio/speech",
        "https://api.anthropic.com/v1/messages/count_tokens",
        "https://api.openai.com.evil.example/v1/chat/completions",
        "https://notopenai.azure.com/v1/chat/completions",
        "https://example.org/v1/chat/completions",
        "http://127.0.0.1:11435/v1/chat/completions",
        "http://relay.example/v1/chat/completions",  # http, and the endpoint is https
        "http://models.local:8081/embeddings",
        "https://inference.example.org/v1/messages",
        "https://huggingface.co/api/models",
        "http://[::1/v1/chat/completions",
        "http://127.0.0.1:99999/v1/chat/completions",
        "/v1/chat/completions",
        "",
    ],
)
def test_other_request_is_left_alone(url):
    assert KNOWN.find(url) is None


def test_whole_path_of_the_gateway_is_kept():
    """It names the process, and the test where the address is that of one test."""
    address = KNOWN.find("http://localhost:5001/token/item/v1/chat/completions?x=1")
    assert address == ModelAddress(KNOWN.gateway, "/token/item/v1/chat/completions", is_gateway=True)
    assert KNOWN.find("http://127.0.0.1:5001/anything").is_gateway


def test_without_a_gateway_or_endpoints_only_vendors_are_known():
    assert KnownAddresses().find("https://api.groq.com/openai/v1/chat/completions").route == "/chat/completions"
    assert KnownAddresses().find("http://127.0.0.1:11434/v1/chat/completions") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:9000", "localhost:9000", "LOCALHOST", "::1"])
def test_named_host_of_this_machine_has_all_its_names(host):
    """A setting with 127.0.0.1 covers a client that writes localhost, and the other way round."""
    known = KnownAddresses(hosts=(host,))
    found = [known.find(f"http://{name}:9000/v1/embeddings") is not None for name in ("127.0.0.1", "localhost")]
    assert (found, known.find("http://10.0.0.1:9000/v1/embeddings")) == ([True, True], None)
