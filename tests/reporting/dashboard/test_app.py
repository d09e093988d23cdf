"""The routes of the page: bodies, headers, tokens, host names, and the page below a prefix."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import live_snapshots as snapshots
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from pytest_graysplit.reporting.dashboard import html
from pytest_graysplit.reporting.dashboard.app import page_app
from pytest_graysplit.reporting.dashboard.middleware import LocalHostMiddleware

ID = "support.jsonl::refund-policy"
AWKWARD = "tests/test_a b.py::test[50% of ä/b?c#d]"
TOKEN = "correct-hörse"


@pytest.fixture
def source():
    return snapshots.FakeSource(snapshots.run(), {each: snapshots.case(each) for each in (ID, AWKWARD)})


def send(app, address, *, method="GET", base="http://127.0.0.1:8765", **options):
    """Send a request to the app; its exceptions are raised here."""

    async def send_request():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as client:
            return await client.request(method, address, **options)

    return asyncio.run(send_request())


def test_page_policy_allows_only_scripts_and_styles_with_its_nonce(source):
    """Every script and style of the page has the nonce; the next visit gets another one."""
    answer = send(page_app(source), "/")
    [nonce] = set(re.findall(r'nonce="([^"]+)"', answer.text))
    tags = re.findall(r"<(?:script|style|link rel=\"(?:stylesheet|modulepreload)\")", answer.text)
    assert len(tags) == answer.text.count("nonce=")
    assert dict(answer.headers) == {
        "content-length": str(len(answer.content)),
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "cross-origin-resource-policy": "same-origin",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    assert nonce not in send(page_app(source), "/").text


def page_files(app):
    """Load the page as a browser does: the files that it links, and the modules that those import."""
    found, wanted = {}, re.findall(r"(?:src|href)=\"(page/[^\"]+)\"", send(app, "/").text)
    for address in wanted:
        if address not in found:
            found[address] = send(app, f"/{address}")
            wanted += [f"page/{name}" for name in re.findall(r"from \"\./([^\"]+)\"", found[address].text)]
    return found


def test_page_files_are_all_used_and_have_the_type_that_browsers_require(source):
    """A module of another type would not run, because the answer forbids guessing."""
    files = page_files(page_app(source))
    folder = Path(html.__file__).parent / "page"
    assert {Path(address).name for address in files} == {
        each.name for each in folder.iterdir() if each.suffix in {".js", ".css"}
    }
    for address, answer in files.items():
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        expected = {".js": "text/javascript", ".css": "text/css"}[Path(address).suffix]
        assert answer.headers["content-type"] == f"{expected}; charset=utf-8"


def test_page_preloads_every_module_that_a_module_imports(source):
    """The browser asks for all of them at once, instead of one level of imports after the other."""
    files = page_files(page_app(source))
    imported = {name for answer in files.values() for name in re.findall(r'from "\./([\w-]+\.js)"', answer.text)}
    markup = send(page_app(source), "/").text
    assert set(re.findall(r'<link rel="modulepreload" href="page/([\w-]+\.js)" nonce="[^"]+">', markup)) == imported
    assert imported


def test_page_files_name_no_other_server_and_write_no_markup(source):
    """The page works offline, and texts of models stay texts."""
    texts = [send(page_app(source), "/").text, *(answer.text for answer in page_files(page_app(source)).values())]
    assert {address for text in texts for address in re.findall(r"https?://[^\s'\"]+", text)} == {
        "http://www.w3.org/2000/svg"
    }
    assert [re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text) for text in texts] == [
        [] for _ in texts
    ]


@pytest.mark.parametrize("name", ["page.html", "html.py", "..%2Fapp.py", "gone.js"])
def test_unknown_page_file_is_not_found(source, name):
    """Only scripts and styles of the page are start_server, and nothing beside them."""
    assert send(page_app(source), f"/page/{name}").status_code == 404


def test_snapshot_route_returns_the_current_snapshot(source):
    """All keys, and the state at the time of the request."""
    app = page_app(source)
    assert send(app, "/metrics/dashboard").json() == snapshots.run()
    source.change(title="121 cases")
    assert send(app, "/metrics/dashboard").json()["title"] == "121 cases"


def test_grade_route_returns_the_status(source):
    """The status follows the source."""
    answer = send(page_app(source), "/metrics/validate-grade")
    assert (answer.status_code, answer.json()["status"]) == (200, "hold")
    source.state = snapshots.empty()
    assert send(page_app(source), "/metrics/validate-grade").json()["status"] == "collecting"


@pytest.mark.parametrize("case_id", [ID, AWKWARD])
def test_case_route_finds_ids_with_special_characters(source, case_id):
    """Ids contain slashes, brackets, spaces and characters with a meaning in URLs."""
    answer = send(page_app(source), f"/cases/{quoted(case_id)}")
    assert answer.json() == {
        **snapshots.case(case_id),
        "page": {
            "facts": "deepseek-v3.2 · similarity 0.12 · threshold 0.4 · metric lexical",
            "arms": ["ok · 1.21 s · cost $0.0078", "ok · 0.83 s · cost $0.0002"],
            "calls": [[], []],
            "turns": [],
            "steps": [],
        },
    }


def quoted(text):
    """Return the text quoted as by encodeURIComponent."""
    return "".join(char if char.isalnum() and char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode())
                   for char in text)  # fmt: skip


def test_unknown_case_is_not_found(source):
    """The page shows this text after an old link."""
    answer = send(page_app(source), "/cases/gone")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no case 'gone' here"})


def test_health_route_does_not_call_the_source(source):
    """Process monitors poll it."""
    assert send(page_app(source), "/healthz").json() == {"status": "ok"}
    assert send(page_app(source, token=TOKEN), "/readyz").json() == {"status": "ready", "failing": []}
    assert source.reads == 0


def test_no_answer_allows_other_origins(source):
    """Neither an answer nor a preflight has CORS headers."""
    app = page_app(source)
    for method in ("GET", "OPTIONS"):
        answer = send(app, "/metrics/dashboard", method=method, headers={"Origin": "https://elsewhere.example"})
        assert [name for name in answer.headers if name.startswith("access-control")] == []


def test_head_request_for_the_stream_ends(source):
    """A monitor that sends HEAD does not wait for a minute."""
    answer = send(page_app(source), "/events", method="HEAD")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_all_addresses_work_below_a_prefix(source):
    """The page uses relative addresses, also when it is mounted in another application."""
    app = Starlette(routes=[Mount("/tools/graysplit", page_app(source))])
    bare = send(app, "/tools/graysplit", follow_redirects=True)
    assert (bare.url.path, "<title>graysplit</title>" in bare.text) == ("/tools/graysplit/", True)
    for address in ("metrics/dashboard", "metrics/validate-grade", f"cases/{ID}", "healthz", "readyz"):
        assert send(app, f"/tools/graysplit/{address}").status_code == 200
    texts = [bare.text, *(answer.text for answer in page_files(page_app(source)).values())]
    asked = {
        where for text in texts for where in re.findall(r"(?:href=|src=|EventSource\(|fetch\()[\"'`]([^#\"'`$]+)", text)
    }
    assert {where for where in asked if not where.startswith(("data:", "page/"))} == {
        "metrics/dashboard",
        "metrics/validate-grade",
        "cases/",
        "events",
    }
    for address in asked:
        if address.startswith("page/"):
            assert send(app, f"/tools/graysplit/{address}").status_code == 200


@pytest.mark.parametrize("address", ["/", "/page/live.js", "/events", "/metrics/dashboard", "/metrics/validate-grade", "/cases/x", "/metrics", "/no"])  # fmt: skip
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {quoted(TOKEN)}"}, {"Cookie": "graysplit_8765=wrong"}])  # fmt: skip
def test_all_routes_refuse_requests_without_the_token(source, address, headers):
    """Unknown addresses as well; scripts get JSON with the remedy."""
    answer = send(page_app(source, token=TOKEN), address, headers=headers, params={"token": "wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "error": "this page needs its token",
        "hint": "add ?token=... to the address once, or send the header Authorization: Bearer ...",
    }
    assert source.reads == 0


def test_browser_without_the_token_gets_a_page_with_the_remedy(source):
    """Scripts get JSON instead."""
    answer = send(page_app(source, token=TOKEN), "/", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert "To open it, add ?token=... to the address once, or send the header Authorization: Bearer ..." in answer.text


def test_token_in_the_address_becomes_a_cookie(source):
    """The redirect removes the token from the address, and the cookie does not contain it."""
    app = page_app(source, token=TOKEN)
    answer = send(app, "/", params={"token": TOKEN, "from": "mail"})
    assert (answer.status_code, answer.headers["location"]) == (303, "./?from=mail")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"graysplit_8765=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert TOKEN not in str(answer.headers)
    assert send(app, "/metrics/dashboard", headers={"Cookie": cookie.split(";")[0]}).status_code == 200


def test_token_below_a_prefix_sets_a_cookie_for_that_prefix(source):
    """The redirect is relative."""
    app = Starlette(routes=[Mount("/graysplit", page_app(source, token=TOKEN))])
    answer = send(app, "/graysplit/metrics/dashboard", params={"token": TOKEN}, base="https://app.example")
    assert answer.headers["location"] == "./dashboard"
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Path=/graysplit; SameSite=strict; Secure")


def test_bearer_token_is_accepted(source):
    """Also with letters that are not ASCII."""
    app = page_app(source, token=TOKEN)
    headers = [(b"Authorization", b"bearer " + TOKEN.encode())]
    assert send(page_app(source, token="plain"), "/", headers={"Authorization": "Bearer plain"}).status_code == 200
    assert send(app, "/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1:8765", 200),
        ("[::1]:8765", 200),
        ("[::1]", 200),
        ("127.0.0.2:80", 200),
        ("127.0.0.1.evil.example", 421),
        ("evil.example", 421),
        ("evil.example:8765", 421),
        ("localhost.evil.example", 421),
        ("localhost:80@evil.example", 421),
        ("", 421),
    ],
)
def test_other_host_names_are_refused(source, host, status):
    """Protection against DNS rebinding."""
    answer = send(LocalHostMiddleware(page_app(source)), "/metrics/dashboard", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.json() == {"error": "this page answers to localhost and 127.0.0.1 only"}


def test_snapshot_with_infinity_is_an_error(source):
    """It would not be valid JSON."""
    source.change(elapsed_s=float("inf"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        send(page_app(source), "/metrics/dashboard")
    assert json.loads(send(page_app(source), "/healthz").text) == {"status": "ok"}


def test_metrics_route_requires_the_token(source):
    """Prometheus sends it as its credentials."""
    app = page_app(source, token=TOKEN, metrics=lambda: b"graysplit_units 3.0\n")
    assert send(app, "/metrics").status_code == 401
    answer = send(app, "/metrics", headers={"Authorization": f"Bearer {TOKEN}".encode()})
    assert (answer.status_code, answer.content) == (200, b"graysplit_units 3.0\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_metrics_route_without_metrics_is_not_found(source):
    """The page of a run has no metrics."""
    answer = send(page_app(source), "/metrics")
    expected = {"error": "this page has no Prometheus metrics; only the page of a monitor has them"}
    assert (answer.status_code, answer.json()) == (404, expected)
