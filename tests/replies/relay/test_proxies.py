"""The choice of a proxy for an address, and the parts of NO_PROXY, in real environments."""

import pytest

from pytest_graysplit.replies.relay.proxies import (
    Proxy,
    ProxyChoice,
    ProxyError,
    choose_proxy,
    configured_proxies,
    unreadable_warnings,
)

PROXY = {"https": "http://proxy.corp:3128"}


def is_direct(url, no_proxy, proxies=None):
    return choose_proxy(url, {**(proxies or PROXY), "no": no_proxy}).proxy is None


@pytest.mark.parametrize(
    ("configured", "proxy"),
    [
        ("http://proxy.corp:3128", Proxy(host="proxy.corp", port=3128)),
        ("proxy.corp:3128", Proxy(host="proxy.corp", port=3128)),
        ("http://proxy.corp", Proxy(host="proxy.corp", port=80)),
        ("https://proxy.corp", Proxy(host="proxy.corp", port=443, tls=True)),
        ("http://[::1]:3128", Proxy(host="::1", port=3128)),
        ("http://user:p%40ss@proxy.corp:3128", Proxy(host="proxy.corp", port=3128, authorization="Basic dXNlcjpwQHNz")),
    ],
)
def test_proxies_of_every_spelling_are_read(configured, proxy):
    assert choose_proxy("https://relay.example/v1", {"https": configured}) == ProxyChoice(proxy)


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ("socks5://user:secret@proxy.corp:1080", "a proxy of the kind socks5:// is not supported"),
        ("http://", "the address of the proxy names no host"),
        ("http://proxy:port", "the address of the proxy cannot be read"),
        ("http://[::1", "the address of the proxy cannot be read"),
    ],
)
def test_unusable_proxy_is_reported_without_its_password(configured, message):
    with pytest.raises(ProxyError) as caught:
        choose_proxy("https://relay.example/v1", {"https": configured})
    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


def test_proxy_of_the_scheme_beats_the_one_for_all():
    proxies = {"http": "http://a:1", "all": "http://b:2"}
    assert choose_proxy("http://relay.example", proxies).proxy.host == "a"
    assert choose_proxy("https://relay.example", proxies).proxy.host == "b"
    assert choose_proxy("https://relay.example", {"http": "http://a:1"}).proxy is None


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1",
        "http://localhost:8000",
        "http://[::1]/v1",
        "http://llm.localhost",
        "http://127.3.2.1",
    ],
)
def test_this_machine_is_never_reached_through_a_proxy(url):
    assert choose_proxy(url, {"http": "http://proxy:3128", "all": "socks5://x"}) == ProxyChoice()


@pytest.mark.parametrize(
    ("entry", "direct", "proxied"),
    [
        ("*", "https://a.example", None),
        ("relay.example", "https://relay.example/v1", "https://myrelay.example"),
        ("relay.example", "https://eu.relay.example/v1", "https://relay.example.org"),
        (".example", "https://relay.example", "https://example.org"),
        ("*.example", "https://relay.example", "https://example.org"),
        ("RELAY.example", "https://relay.example", "https://other.example"),
        ("relay.example:8443", "https://relay.example:8443", "https://relay.example"),
        ("https://relay.example", "https://relay.example", "https://other.example"),
        ("10.0.0.0/8", "https://10.2.3.4", "https://11.2.3.4"),
        ("10.2.3.4", "https://10.2.3.4", "https://10.2.3.5"),
        ("fd00::/8", "https://[fd00::1]", "https://[fe00::1]"),
        ("[fd00::1]:443", "https://[fd00::1]", "https://[fd00::2]"),
        ("a.example, b.example c.example", "https://c.example", "https://d.example"),
    ],
)
def test_no_proxy_matches_hosts_domains_ports_and_networks(entry, direct, proxied):
    assert is_direct(direct, entry)
    assert proxied is None or not is_direct(proxied, entry)


@pytest.mark.parametrize(
    "entry", ["[::1", "10.0.0.0/99", "host:port", "http://[x", "a/b", "gopher://x", "b\u00fccher.\ud800"]
)
def test_unreadable_part_of_no_proxy_is_a_warning(entry):
    proxy_choice = choose_proxy("https://relay.example/v1", {**PROXY, "no": f"{entry},relay.example"})
    assert proxy_choice == ProxyChoice(None, (entry,))
    [warning] = unreadable_warnings(proxy_choice)
    assert warning == f"NO_PROXY: {entry!r} is not a host, an address or a network, and is ignored"


def test_proxies_are_read_from_the_environment_in_either_case():
    environ = {
        "HTTP_PROXY": "http://a",
        "https_proxy": "http://b",
        "HTTPS_PROXY": "http://c",
        "NO_PROXY": "x",
        "other": "y",
    }
    assert configured_proxies(environ) == {"http": "http://a", "https": "http://b", "no": "x"}
    assert configured_proxies({"HTTP_PROXY": "http://attacker", "REQUEST_METHOD": "GET", "no_proxy": "x"}) == {
        "no": "x"
    }


def test_environment_that_changes_meanwhile_breaks_nothing():
    """pytest sets a variable for each test while the relay's thread reads them."""

    class Changing(dict):
        def __iter__(self):
            raise RuntimeError("changed during iteration")

        items = keys = values = __iter__

    assert configured_proxies(Changing(ALL_PROXY="http://a")) == {"all": "http://a"}
