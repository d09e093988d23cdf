"""The routes, asked as any client asks them: bodies, headers, tokens, host names, and below a prefix."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import live_snapshots as specimens
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
def held():
    return specimens.Held(specimens.run(), {each: specimens.case(each) for each in (ID, AWKWARD)})


def ask(app, address, *, method="GET", base="http://127.0.0.1:8765", **options):
    """Ask an app for one address; what the app raises is raised here."""

    async def asked():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as client:
            return await client.request(method, address, **options)

    return asyncio.run(asked())


def test_page_policy_allows_only_scripts_and_styles_with_its_nonce(held):
    """Every script and style of the page has the nonce; the next visit gets another one."""
    answer = ask(page_app(held), "/")
    [nonce] = set(re.findall(r'nonce="([^"]+)"', answer.text))
    assert len(re.findall(r"<(?:script|style|link rel=\"stylesheet\")", answer.text)) == answer.text.count("nonce=")
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
    assert nonce not in ask(page_app(held), "/").text


def page_files(app):
    """Load the page as a browser does: the files that it links, and the modules that those import."""
    found, wanted = {}, re.findall(r"(?:src|href)=\"(page/[^\"]+)\"", ask(app, "/").text)
    for address in wanted:
        if address not in found:
            found[address] = ask(app, f"/{address}")
            wanted += [f"page/{name}" for name in re.findall(r"from \"\./([^\"]+)\"", found[address].text)]
    return found


def test_page_files_are_all_used_and_have_the_type_that_browsers_require(held):
    """A module of another type would not run, because the answer forbids guessing."""
    files = page_files(page_app(held))
    folder = Path(html.__file__).parent / "page"
    assert {Path(address).name for address in files} == {
        each.name for each in folder.iterdir() if each.suffix in {".js", ".css"}
    }
    for address, answer in files.items():
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")
        expected = {".js": "text/javascript", ".css": "text/css"}[Path(address).suffix]
        assert answer.headers["content-type"] == f"{expected}; charset=utf-8"


def test_page_files_name_no_other_server_and_write_no_markup(held):
    """The page works offline, and texts of models stay texts."""
    texts = [ask(page_app(held), "/").text, *(answer.text for answer in page_files(page_app(held)).values())]
    assert {address for text in texts for address in re.findall(r"https?://[^\s'\"]+", text)} == {
        "http://www.w3.org/2000/svg"
    }
    assert [re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text) for text in texts] == [
        [] for _ in texts
    ]


@pytest.mark.parametrize("name", ["page.html", "html.py", "..%2Fapp.py", "gone.js"])
def test_unknown_page_file_is_not_found(held, name):
    """Only scripts and styles of the page are served, and nothing beside them."""
    assert ask(page_app(held), f"/page/{name}").status_code == 404


def test_the_snapshot_is_served_as_it_is(held):
    """Every key, and the state of now, not that of the last event."""
    app = page_app(held)
    assert ask(app, "/metrics/dashboard").json() == specimens.run()
    held.change(title="121 cases")
    assert ask(app, "/metrics/dashboard").json()["title"] == "121 cases"


def test_the_grade_is_served(held):
    """The verdicts for scripts, by the rules of their own tests."""
    answer = ask(page_app(held), "/metrics/validate-grade")
    assert (answer.status_code, answer.json()["status"]) == (200, "hold")
    held.state = specimens.empty()
    assert ask(page_app(held), "/metrics/validate-grade").json()["status"] == "collecting"


@pytest.mark.parametrize("case_id", [ID, AWKWARD])
def test_a_case_is_found_by_its_id_whatever_stands_in_it(held, case_id):
    """Ids hold slashes, brackets, spaces and signs that addresses give a meaning to."""
    answer = ask(page_app(held), f"/cases/{quoted(case_id)}")
    assert answer.json() == specimens.case(case_id)


def quoted(text):
    """Quote as encodeURIComponent does."""
    return "".join(char if char.isalnum() and char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode())
                   for char in text)  # fmt: skip


def test_a_case_that_is_not_there_is_said_to_be_missing(held):
    """The page shows this text to whoever followed an old link."""
    answer = ask(page_app(held), "/cases/gone")
    assert (answer.status_code, answer.json()) == (404, {"error": "there is no case 'gone' here"})


def test_it_says_that_it_is_alive(held):
    """For whoever watches processes; the source is not asked."""
    assert ask(page_app(held), "/healthz").json() == {"status": "ok"}
    assert held.reads == 0


def test_other_origins_can_read_nothing(held):
    """No answer, also none to a preflight, allows anyone in."""
    app = page_app(held)
    for method in ("GET", "OPTIONS"):
        answer = ask(app, "/metrics/dashboard", method=method, headers={"Origin": "https://elsewhere.example"})
        assert [name for name in answer.headers if name.startswith("access-control")] == []


def test_asking_for_the_head_of_the_stream_ends(held):
    """A monitor that sends HEAD is not held for a minute."""
    answer = ask(page_app(held), "/events", method="HEAD")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_every_address_works_below_a_prefix(held):
    """Mounted in an application of someone else, the page asks for its parts where they are."""
    app = Starlette(routes=[Mount("/tools/graysplit", page_app(held))])
    bare = ask(app, "/tools/graysplit", follow_redirects=True)
    assert (bare.url.path, "<title>graysplit</title>" in bare.text) == ("/tools/graysplit/", True)
    for address in ("metrics/dashboard", "metrics/validate-grade", f"cases/{ID}", "healthz"):
        assert ask(app, f"/tools/graysplit/{address}").status_code == 200
    texts = [bare.text, *(answer.text for answer in page_files(page_app(held)).values())]
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
            assert ask(app, f"/tools/graysplit/{address}").status_code == 200


@pytest.mark.parametrize("address", ["/", "/page/live.js", "/events", "/metrics/dashboard", "/metrics/validate-grade", "/cases/x", "/healthz", "/no"])  # fmt: skip
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {quoted(TOKEN)}"}, {"Cookie": "graysplit_8765=wrong"}])  # fmt: skip
def test_without_the_token_nothing_is_told(held, address, headers):
    """Not even what is there; scripts get JSON that says how."""
    answer = ask(page_app(held, token=TOKEN), address, headers=headers, params={"token": "wrong"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "error": "this page needs its token",
        "hint": "add ?token=... to the address once, or send the header Authorization: Bearer ...",
    }
    assert held.reads == 0


def test_a_person_without_the_token_is_told_how_to_open_the_page(held):
    """In words, as a page."""
    answer = ask(page_app(held, token=TOKEN), "/", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert "To open it, add ?token=... to the address once, or send the header Authorization: Bearer ..." in answer.text


def test_the_token_in_the_address_becomes_a_cookie_and_leaves_the_address(held):
    """A screenshot or a history shows no token, and the cookie is of use to this page alone."""
    app = page_app(held, token=TOKEN)
    answer = ask(app, "/", params={"token": TOKEN, "from": "mail"})
    assert (answer.status_code, answer.headers["location"]) == (303, "./?from=mail")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"graysplit_8765=[0-9a-f]{64}; HttpOnly; Path=/; SameSite=strict", cookie)
    assert TOKEN not in str(answer.headers)
    assert ask(app, "/metrics/dashboard", headers={"Cookie": cookie.split(";")[0]}).status_code == 200


def test_the_token_opens_any_address_below_a_prefix(held):
    """The way back is relative, and the cookie is sent to the page and to nothing else of the application."""
    app = Starlette(routes=[Mount("/graysplit", page_app(held, token=TOKEN))])
    answer = ask(app, "/graysplit/metrics/dashboard", params={"token": TOKEN}, base="https://app.example")
    assert answer.headers["location"] == "./dashboard"
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Path=/graysplit; SameSite=strict; Secure")


def test_a_script_sends_the_token_as_a_bearer(held):
    """Also one with letters beyond ASCII, which header and comparison must survive."""
    app = page_app(held, token=TOKEN)
    headers = [(b"Authorization", b"bearer " + TOKEN.encode())]
    assert ask(page_app(held, token="plain"), "/healthz", headers={"Authorization": "Bearer plain"}).status_code == 200
    assert ask(app, "/healthz", headers=headers).status_code == 200


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
def test_a_page_of_someone_else_does_not_reach_this_machine_under_its_own_name(held, host, status):
    """DNS rebinding: a stranger's name that leads to 127.0.0.1 is refused."""
    answer = ask(LocalHostMiddleware(page_app(held)), "/metrics/dashboard", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert answer.json() == {"error": "this page answers to localhost and 127.0.0.1 only"}


def test_a_snapshot_that_is_no_json_is_an_error_and_not_a_wrong_number(held):
    """NaN would reach a script as something that is not JSON."""
    held.change(elapsed_s=float("inf"))
    with pytest.raises(ValueError, match="not JSON compliant"):
        ask(page_app(held), "/metrics/dashboard")
    assert json.loads(ask(page_app(held), "/healthz").text) == {"status": "ok"}


def test_metrics_are_served_in_the_text_format_to_who_has_the_token(held):
    """Prometheus sends it as its credentials; without it there is nothing to read."""
    app = page_app(held, token=TOKEN, metrics=lambda: b"graysplit_units 3.0\n")
    assert ask(app, "/metrics").status_code == 401
    answer = ask(app, "/metrics", headers={"Authorization": f"Bearer {TOKEN}".encode()})
    assert (answer.status_code, answer.content) == (200, b"graysplit_units 3.0\n")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_page_without_metrics_says_so(held):
    """A run has none."""
    answer = ask(page_app(held), "/metrics")
    expected = {"error": "this page serves no metrics for Prometheus; those of a monitor do"}
    assert (answer.status_code, answer.json()) == (404, expected)
