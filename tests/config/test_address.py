"""Base URLs as people write them: normalised, or rejected without showing a password."""

import doctest
import re

import httpx
import pytest

from pytest_graysplit.config import address
from pytest_graysplit.config.address import is_loopback, masked, origin_of, query_secrets, read_address, route_url
from pytest_graysplit.config.address import shown_address as shown


@pytest.mark.parametrize(
    ("text", "chat"),
    [
        ("https://relay.example", "https://relay.example/chat/completions"),
        ("https://relay.example/v1", "https://relay.example/v1/chat/completions"),
        ("https://relay.example/v1///", "https://relay.example/v1/chat/completions"),
        ("https://relay.example/v1/chat/completions", "https://relay.example/v1/chat/completions"),
        ("https://relay.example/v1//chat/completions//", "https://relay.example/v1/chat/completions"),
        ("https://relay.example/v1/chat/completions?a=b", "https://relay.example/v1/chat/completions?a=b"),
        ("https://x/openai/deployments/d1/?api-version=2024-10-21",
         "https://x/openai/deployments/d1/chat/completions?api-version=2024-10-21"),
        ("https://x?path=/chat/completions", "https://x/chat/completions?path=/chat/completions"),
        ("https://x/v1?", "https://x/v1/chat/completions"),
        ("https://x/gateway/team%20a/v1", "https://x/gateway/team%20a/v1/chat/completions"),
        ("https://x/accounts/@cf/v1", "https://x/accounts/@cf/v1/chat/completions"),
        ("  HTTPS://Relay.Example.:8443/V1\n", "https://relay.example:8443/V1/chat/completions"),
        ("http://[0:0::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
        ("http://my_server:80/v1", "http://my_server:80/v1/chat/completions"),
        ("https://straße.example/v1", "https://xn--strae-oqa.example/v1/chat/completions"),
        ("https://bücher。example/v1", "https://xn--bcher-kva.example/v1/chat/completions"),
    ],
)  # fmt: skip
def test_route_url_is_between_path_and_query(text, chat):
    """In normal form, for any slashes, case, query and alphabet, and usable by the client."""
    url = route_url(read_address(text), "/chat/completions")
    assert url == chat
    assert httpx.URL(url).host


@pytest.mark.parametrize(
    ("text", "shown_text", "words"),
    [
        (" ", " ", "is empty"),
        ("relay", "relay", "is not an address such as https://api.openai.com/v1"),
        ("localhost:8000/v1", "localhost:8000/v1", ", did you mean http://localhost:8000/v1?"),
        ("localhost/v1", "localhost/v1", ", did you mean http://localhost/v1?"),
        ("127.0.0.1:11434", "127.0.0.1:11434", ", did you mean http://127.0.0.1:11434?"),
        ("api.example.com/v1", "api.example.com/v1", ", did you mean https://api.example.com/v1?"),
        ("ftp://relay.example", "ftp://relay.example", "is not an address such as https://api.openai.com/v1"),
        ("http:/localhost", "http:/localhost", "is not an address such as https://api.openai.com/v1"),
        ("https://", "https://", "is not an address such as https://api.openai.com/v1"),
        ("https://relay.example/a b", "https://relay.example/a b", "is not an address such as"),
        ("https://relay.example/a\tb", "https://relay.example/a\tb", "is not an address such as"),
        ("https://relay\u202e.example", "https://relay\u202e.example", "is not an address such as"),
        ("https://relay.example:0/v1", "https://relay.example:0/v1", "is not an address such as"),
        ("https://relay.example:99999/v1", "https://relay.example:99999/v1", "is not an address such as"),
        ("https://a..b/v1", "https://a..b/v1", "is not an address such as"),
        (f"https://{'a' * 64}.example", f"https://{'a' * 64}.example", "is not an address such as"),
        ("https://a%2eb/v1", "https://a%2eb/v1", "is not an address such as"),
        ("https://api.openai.\uff43om/v1", "https://api.openai.\uff43om/v1", "is not an address such as"),
        ("http://::1:8000/v1", "http://::1:8000/v1", "is not an address such as"),
        ("http://[::g]/v1", "http://[::g]/v1", "is not an address such as"),
        ("https://api.openai.com\\.evil.example", None, "is not an address such as"),
        ("https://relay.example/v1#models", "https://relay.example/v1#***", "holds a fragment"),
        ("https://relay.example/v1#", "https://relay.example/v1#", "holds a fragment"),
        ("https://me:pass@relay.example/v1", "https://***@relay.example/v1", "holds a user name or a password"),
        ("https://pass@relay.example/v1", "https://***@relay.example/v1", "holds a user name or a password"),
        ("https://@relay.example/v1", "https://***@relay.example/v1", "holds a user name or a password"),
        ("https://localhost\\@evil.example/v1", "https://***@evil.example/v1", "is not an address"),
        ("https://me:pa/ss@relay.example/v1", "https://***@relay.example/v1", "is not an address"),
        ("https://me:pa?s#s@relay.example/v1", "https://***@relay.example/v1", "is not an address"),
        ("https://me:pass%40relay.example/v1", "https://***@relay.example/v1", "is not an address"),
        ("https://me:pass/v1", "https://me:***/v1", "is not an address"),
        ("me:pass@relay.example/v1", "***@relay.example/v1", "is not an address"),
        ("ftp://relay.example/v1?key=pass", "ftp://relay.example/v1?***", "is not an address"),
    ],
)
def test_invalid_address_is_rejected_without_its_password(text, shown_text, words):
    """The message names the problem and a suggestion, without any part that may be a password."""
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        read_address(text)
    if shown_text is not None:
        assert masked(text) == shown_text
    assert "pass" not in masked(text) + str(caught.value).replace("password", "")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "ollama.localhost", "127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]",
             "0.0.0.0", "[::]"],
)  # fmt: skip
def test_addresses_of_this_machine_are_loopback(host):
    assert is_loopback(read_address(f"http://{host}:8000/v1"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example.com", "localhost.example", "notlocalhost", "128.0.0.1", "10.0.0.1", "[fe80::1]",
             "host.docker.internal"],
)  # fmt: skip
def test_other_addresses_are_not_loopback(host):
    assert not is_loopback(read_address(f"http://{host}/v1"))


def test_origin_ignores_path_and_default_port():
    assert origin_of("https://api.openai.com/v1") == origin_of(read_address("HTTPS://API.openai.com.:443/other?x=1"))
    assert origin_of("http://api.openai.com/v1") != origin_of("https://api.openai.com/v1")
    assert origin_of("https://api.openai.com:8443/v1") != origin_of("https://api.openai.com/v1")


def test_query_is_hidden_and_its_keys_are_secrets():
    """A version is not a secret, because a model may well write such a date."""
    given = "https://relay.example/v1?api-version=2024-10-21&subscription-key=abcdefgh&code=12345678"
    assert shown(given) == "https://relay.example/v1"
    assert query_secrets(given) == ("abcdefgh", "12345678")


def test_docstring_examples_run():
    assert doctest.testmod(address).failed == 0
