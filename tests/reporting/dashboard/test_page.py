"""The page in a real browser: what a person sees, does with it, and is told when the connection breaks or the run ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import live_snapshots as specimens
import pytest
from chromium import ARGUMENTS, HOW, found_or_installed
from playwright.sync_api import expect, sync_playwright
from relay_server.client import RunningRelay

# One browser for all of them, also where workers share the suite.
pytestmark = pytest.mark.xdist_group("browser")
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
REFUND = "support.jsonl::refund-policy"
HOSTILE = "</script><script>window.taken = 1</script><img src=x onerror='window.taken = 2'><b>bold</b> &amp;"


@pytest.fixture(scope="module")
def chromium():
    """A browser for this file; other files may start event loops of their own, which playwright would not allow."""
    with sync_playwright() as playwright:
        executable = found_or_installed(playwright)
        if executable is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)
        # Patience costs nothing where all is well, and on a busy machine all takes longer.
        expect.set_options(timeout=20_000)
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def held():
    return specimens.Held(specimens.run(), {each["id"]: specimens.case(each["id"]) for each in specimens.WORST})


@pytest.fixture
def visit(chromium):
    """Open an address in a window of its own; whatever the page says to the console fails the test."""
    contexts, troubles, asked = [], [], []

    def visited(address, *, width=1280, scheme="light", **options):
        contexts.append(
            chromium.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB", **options
            )
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.asked = asked
        page.goto(address)
        return page

    yield visited
    for context in contexts:
        context.close()
    # A connection that a test breaks is told by the browser itself.
    assert [each for each in troubles if "net::ERR_" not in each and "status of 404" not in each] == []


def state(page):
    return page.locator("#state")


def fits(page):
    """Whether the page can be read without scrolling sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_person_sees_verdict_figures_and_pictures(held, served, visit):
    """Under headings, in tables that have names, with numbers as the terminal writes them."""
    page = visit(served(held).url)
    expect(page.get_by_role("heading", level=1)).to_have_text("120 cases")
    expect(state(page)).to_have_text("Running")
    expect(page.locator("#progress-text")).to_have_text(
        "84 of 120 cases judged · 214 of 240 replies fetched · $0.9668 spent"
    )
    bar = page.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuetext") == "84 of 120 cases"
    assert bar.evaluate("bar => bar.position") == (84 + 214) / (120 + 240)  # what is fetched counts as what is judged
    assert page.get_by_role("article").locator(".verdict").inner_text().split("\n\n") == [
        "May deepseek-v3.2 replace claude-sonnet-4.5?", "‖Hold", specimens.REASON,
    ]  # fmt: skip
    assert page.title() == "Hold · 84/120 · 120 cases"
    headings = page.get_by_role("heading").all_inner_texts()
    assert headings == [
        "120 cases", "May deepseek-v3.2 replace claude-sonnet-4.5?", "Similarity", "Models", "Latency", "Cost",
        "Worst cases",
    ]  # fmt: skip
    assert [page.get_by_role(role).count() for role in ("banner", "main", "contentinfo")] == [1, 1, 1]
    assert [image.get_attribute("aria-label") for image in page.locator("svg[role=img]").all()] == [
        "Similarity of 120 pairs: mean 0.69, threshold 0.4.",
        (
            "Latency. claude-sonnet-4.5 (control): half of 120 replies within 1.21 s, 95% within 2.90 s; "
            "deepseek-v3.2: half of 120 replies within 0.83 s, 95% within 1.99 s."
        ),
    ]


def rows_of(table):
    """The cells of a table as a person reads them, line by line, as soon as it is there."""
    expect(table).to_be_visible()
    return [
        [cell.inner_text().replace("\n", " ") for cell in line.locator("th, td").all()]
        for line in table.locator("tr").all()
    ]


def test_the_tables_say_everything_in_figures(held, served, visit):
    """What the pictures show stands beside them, and what is unknown says so."""
    page = visit(served(held).url)
    assert rows_of(page.get_by_role("table", name="Figures of each model")) == [
        ["", "claude-sonnet-4.5 control", "deepseek-v3.2 treatment"],
        ["Cases", "120", "120"],
        ["Pass rate 95% CI", "98.3% 118 of 120 94.3 .. 99.5", "95.8% 115 of 120 91.8 .. 97.0"],
        ["Latency p50", "1.21 s", "0.83 s"],
        ["p95", "2.90 s", "1.99 s"],
        ["p99", "3.75 s", "2.57 s"],
        ["Errors", "0 of 120", "1 of 120 0.8% relay-timeout 1"],
        ["Tokens in / out", "12.4k / 60.0k", "12.4k / 60.0k"],
        ["Cost", "$0.9390", "$0.0278"],
        ["Cost per pass", "$0.0080", "$0.0002"],
    ]
    rows = rows_of(page.get_by_role("table", name="deepseek-v3.2 compared with the control"))
    assert rows[:3] == [
        ["Measure", "Interval", "Estimate (range)", "Bound", "Result"],
        ["pass rate decides n 120, Tango 90%", "", "-2.5 pp -5.6 .. +0.4", "-5.0", "? inconclusive"],
        ["similarity deficit n 120, paired t", "", "0.021 0.008 .. 0.034", "0.05", "✓ pass"],
    ]
    assert rows[-1] == ["savings per million n 120, paired t", "", "$7,590.40 $7,100.00 .. $8,080.00", "", "shown only"]


def test_nothing_known_is_shown_as_nothing_known(served, visit):
    """No zero stands for what has not been measured."""
    page = visit(served(specimens.Held(specimens.empty())).url)
    expect(page.locator(".verdict-word")).to_have_text("○Collecting")
    cells = rows_of(page.get_by_role("table", name="Figures of each model"))[2:]
    assert {cell for line in cells for cell in line[1:]} == {"-"}
    assert page.locator("#latency-part, #cost-part, #worst-part, #windows-part").locator("visible=true").count() == 0


def figures_of(page):
    """The lines of the table of figures by their titles."""
    return {line[0]: line[1:] for line in rows_of(page.get_by_role("table", name="Figures of each model"))}


def test_answers_are_shown_before_their_cases_are_judged(held, served, visit):
    """Errors and cost are known as soon as answers come; only what the judging tells waits for it."""
    arms = [specimens.arm(name, name) for name in ("control", "deepseek-v3.2")]
    unjudged = {"n": 0, "passed": 0, "pass_rate": None, "pass_rate_ci": None, "cost_per_pass_usd": None}
    fetched = {**unjudged, "errors": 2, "outcomes": {"ok": 38, "error": 2}, "error_classes": {"relay-timeout": 2}}
    held.change(arms=[{**arms[0], **fetched, "cost_usd": 0.25}, {**arms[1], **unjudged, "outcomes": {}}])
    lines = figures_of(visit(served(held).url))
    assert lines["Errors"] == ["2 of 40 5.0% relay-timeout 2", "-"]
    assert lines["Cost"] == ["$0.2500", "-"]
    assert (lines["Pass rate 95% CI"], lines["Cost per pass"]) == (["-", "-"], ["-", "-"])


def test_errors_are_a_share_of_the_answers(held, served, visit):
    """Not of the cases: three samples of a case can fail three times, and fetching runs ahead of judging."""
    [control, treatment] = specimens.run()["arms"]
    news = {"n": 4, "errors": 6, "outcomes": {"ok": 10, "empty": 2, "error": 6}, "error_classes": {"http-503": 6}}
    held.change(arms=[control, {**treatment, **news}])
    assert figures_of(visit(served(held).url))["Errors"] == ["0 of 120", "6 of 18 33.3% http-503 6 empty 2"]


def test_traffic_shows_its_course(served, visit):
    """Requests, errors and latency by the minute, weights, fallbacks, feedback, and no price where there is none."""
    page = visit(served(specimens.Held(specimens.traffic())).url)
    expect(page.locator("#progress-text")).to_have_text("9,124 requests · $82.10 spent")
    assert page.get_by_role("progressbar").count() == 0
    labels = [image.get_attribute("aria-label") for image in page.locator("#windows-part svg[role=img]").all()]
    assert labels[0] == "Requests over time; in the last window: claude-sonnet-4.5 (control) 415, deepseek-v3.2 46."
    assert (
        labels[1]
        == "Share of errors over time; in the last window: claude-sonnet-4.5 (control) 0.2%, deepseek-v3.2 6.5%."
    )
    expect(page.locator("#requests-caption")).to_have_text("Requests a minute")
    expect(page.locator("#worst-title")).to_have_text("Requests that did not end well")
    lines = figures_of(page)
    assert lines[""] == ["claude-sonnet-4.5 control, 90% of traffic", "deepseek-v3.2 treatment, 10% of traffic"]
    assert lines["Cost"] == ["$82.10", "unknown 911 without a price"]
    assert lines["Fallbacks"] == ["0", "11"]
    assert lines["Feedback"] == ["0.86 of 412", "0.84 of 40"]


def test_a_click_opens_a_case_and_leads_back(held, served, visit):
    """Prompt, both answers, their difference with signs, and why; back by button, Escape, or the browser's own way."""
    page = visit(served(held).url)
    button = page.get_by_role("button", name=re.compile("refund-policy"))
    button.click()
    dialog = page.get_by_role("dialog", name=REFUND)
    expect(dialog.locator(".diff")).to_have_text("You have [-30-] {+14+} days to send it back. ")
    expect(dialog).to_contain_text("deepseek-v3.2 · similarity 0.12 · threshold 0.4 · metric lexical")
    expect(dialog).to_contain_text("numbers: 30 became 14")
    expect(dialog).to_contain_text("A customer wants to send back a jacket after three weeks.")
    expect(dialog.get_by_role("region", name="Answer of claude-sonnet-4.5 (control)")).to_have_text(
        "You have 30 days to send it back."
    )
    expect(dialog).to_contain_text("ok · 0.83 s · cost $0.0002")
    assert page.url.endswith("#case=support.jsonl%3A%3Arefund-policy")
    for leave in (
        dialog.get_by_role("button", name="Close").click,
        lambda: page.keyboard.press("Escape"),
        page.go_back,
    ):
        leave()
        expect(dialog).to_be_hidden()
        expect(button).to_be_focused()
        assert "case=" not in page.url
        button.click()
        expect(dialog).to_be_visible()


def test_a_case_has_an_address_of_its_own(held, served, visit):
    """A link from a colleague opens it, also one whose id is as awkward as those of parametrized tests."""
    awkward = specimens.WORST[2]["id"]
    server = served(held)
    page = visit(f"{server.url}#case={awkward.replace(' ', '%20')}")
    dialog = page.get_by_role("dialog", name=awkward)
    expect(dialog.locator(".diff")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.url == server.url
    gone = visit(f"{server.url}#case=gone")
    expect(gone.get_by_role("dialog", name="gone")).to_contain_text("there is no case 'gone' here")


def test_the_keyboard_is_enough(held, served, visit):
    """Tab leads to the cases, Enter opens one, Tab stays within it, Escape leads back to where one was."""
    page = visit(served(held).url)
    button = page.get_by_role("button", name=re.compile("delete-account"))
    expect(button).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the verdict")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    assert button.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".diff")).to_be_visible()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


def test_an_update_changes_what_changed_and_nothing_else(held, served, visit):
    """A person who has tabbed to a case, or reads one, is not thrown out of it; the verdict is announced."""
    page = visit(served(held).url)
    button = page.get_by_role("button", name=re.compile("delete-account"))
    button.focus()
    table = page.locator("#arms table").element_handle()
    expect(page.get_by_role("status")).to_have_text("Running. deepseek-v3.2: Hold.")
    promoted = specimens.comparison(verdict="promote", reasons=["not worse by more than 2.1 points"])
    held.change(worst=[specimens.WORST[1], specimens.WORST[0]], comparisons=[promoted])
    expect(page.locator(".verdict")).to_contain_text("✓Promotenot worse by more than 2.1 points")
    expect(page.get_by_role("status")).to_have_text("Running. deepseek-v3.2: Promote.")
    assert page.locator("[data-case]").evaluate_all("all => all.map((each) => each.dataset.case)") == [
        "support.jsonl::delete-account", REFUND,
    ]  # fmt: skip
    expect(button).to_be_focused()
    assert table.evaluate("each => each.isConnected")
    page.keyboard.press("Enter")
    diff = page.get_by_role("dialog").locator(".diff").element_handle()
    held.change(title="121 cases", worst=[])
    expect(page.locator("#title")).to_have_text("121 cases")
    expect(page.get_by_role("dialog", name="support.jsonl::delete-account")).to_be_visible()
    assert diff.evaluate("each => each.isConnected")


def test_it_comes_back_when_the_server_does(held, served, visit):
    """It says so while the connection is broken, keeps the figures, and takes up the next run at the same address."""
    first = served(held)
    page = visit(first.url)
    expect(state(page)).to_have_text("Running")
    first.stop()
    expect(state(page)).to_have_text(re.compile(r"Reconnecting, figures of \d\d:\d\d"))
    expect(page.locator(".verdict")).to_contain_text("Hold")
    served(specimens.Held(specimens.run(title="the next run")), port=first.port)
    expect(page.locator("#title")).to_have_text("the next run")
    expect(state(page)).to_have_text("Running")


def test_the_end_is_said_and_nothing_is_asked_any_more(held, served, visit):
    """The last figures stay; the page does not knock at a door behind which nobody is."""
    server = served(held)
    page = visit(server.url)
    expect(state(page)).to_have_text("Running")
    held.change(state="ended", elapsed_s=83.0, title="all 120 cases")
    expect(state(page)).to_have_text("Ended")
    expect(page.locator("#elapsed")).to_have_text("took 1:23")
    expect(page.get_by_role("status")).to_have_text("Ended. deepseek-v3.2: Hold.")
    server.stop()
    asked = len(page.asked)
    page.wait_for_timeout(1800)  # longer than it takes to come back, and to say that it tries
    assert len(page.asked) == asked
    expect(state(page)).to_have_text("Ended")
    expect(page.locator("#title")).to_have_text("all 120 cases")
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog")).to_contain_text("The case could not be loaded: the server does not answer.")


def test_texts_of_models_are_only_ever_text(served, visit):
    """Whatever a model answers, it runs nothing and draws nothing."""
    compared = specimens.comparison(
        HOSTILE, reasons=[HOSTILE], rows=[{**specimens.ROWS[0], "label": HOSTILE, "method": HOSTILE}]
    )
    arms = [specimens.arm("control", HOSTILE), specimens.arm(HOSTILE, HOSTILE, error_classes={HOSTILE: 1})]
    listed = specimens.worst(HOSTILE, 0.1, HOSTILE, flags=[HOSTILE], treatment=HOSTILE)
    found = specimens.case(
        HOSTILE, prompt=HOSTILE, diff=[["-", HOSTILE], ["+", HOSTILE]], misses={HOSTILE: [HOSTILE]},
        arms=[specimens.answer("control", HOSTILE, HOSTILE, 1.0, None)],
    )  # fmt: skip
    news = {"title": HOSTILE, "subtitle": HOSTILE, "notes": [HOSTILE], "arms": arms}
    held = specimens.Held(specimens.run(comparisons=[compared], worst=[listed], **news), {HOSTILE: found})
    page = visit(served(held).url, width=360)
    expect(page.locator("#title")).to_have_text(HOSTILE)
    page.locator("[data-case]").click()
    expect(page.get_by_role("dialog").get_by_role("region", name=f"Answer of {HOSTILE} (control)")).to_have_text(
        HOSTILE
    )
    assert page.evaluate("[window.taken ?? null, document.images.length, document.scripts.length]") == [None, 0, 1]
    assert fits(page)


def test_what_turns_or_hides_a_text_is_shown(served, visit):
    """A turn of the direction of writing would show another answer than the one that was given."""
    hidden = "pass \u202edeliaf\u202c\u200b \x1b[2J end"
    held = specimens.Held(specimens.run(title=hidden, notes=[hidden]))
    page = visit(served(held).url)
    shown = r"pass \u202edeliaf\u202c\u200b \x1b[2J end"
    expect(page.get_by_text(shown)).to_have_count(2)
    assert not re.search("[\u200b\u202c\u202e\x1b]", page.inner_text("body"))


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_asks_nobody_else(held, served, visit, width):
    """No sideways scroll at the width of a phone, with runs, traffic and a case; every request goes to the page's own server."""
    three = specimens.run()["arms"] + [specimens.arm("a-model-with-quite-a-long-name-70b-instruct", "x" * 60)]
    held.change(arms=three, comparisons=[specimens.comparison(), specimens.comparison("x" * 60, similarity=None)])
    server = served(held)
    page = visit(server.url, width=width)
    expect(state(page)).to_have_text("Running")
    assert fits(page)
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog").locator(".diff")).to_be_visible()
    assert fits(page)
    page.keyboard.press("Escape")
    held.state = specimens.traffic()
    expect(page.locator("#title")).to_have_text("traffic.jsonl")
    assert fits(page)
    assert [address for address in page.asked if not address.startswith((server.url, "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(held, served, visit, scheme):
    """At least 4.5 to 1, computed for each text, with every verdict and state on the page, and in a case."""
    rows = [{**specimens.ROWS[0], "state": each} for each in ("pass", "fail", "inconclusive", None)]
    verdicts = ("promote", "hold", "reject", "collecting")
    held.change(
        comparisons=[specimens.comparison(f"model {each}", each, rows=rows) for each in verdicts], notes=["a note"]
    )
    server = served(held)
    page = visit(server.url, scheme=scheme)
    expect(page.get_by_role("article")).to_have_count(4)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 251, 250)", "dark": "rgb(20, 23, 26)"}[scheme]
    page_texts = page.evaluate(CONTRAST)
    page.locator("[data-case]").first.click()
    expect(page.get_by_role("dialog").locator(".diff")).to_be_visible()
    texts = page_texts + page.evaluate(CONTRAST)
    server.stop()
    expect(state(page)).to_contain_text("Reconnecting")
    texts += page.evaluate(CONTRAST)
    assert len(texts) > 300
    assert [each for each in texts if each[0] < 4.5] == []


def test_nothing_moves_for_whom_it_should_not(held, served, visit):
    """Who asks the system for less motion gets a mark that stands still."""
    server = served(held)
    moving, still = (visit(server.url, reduced_motion=each) for each in ("no-preference", "reduce"))
    for page, name in ((moving, "breathe"), (still, "none")):
        expect(state(page)).to_have_text("Running")
        assert page.locator(".state-mark").evaluate("each => getComputedStyle(each).animationName") == name


def test_the_token_opens_the_page_and_leaves_the_address(held, served, visit):
    """One visit with the token, and then the page, its stream and its cases work by the cookie."""
    server = served(held, token="s3cret")
    page = visit(f"{server.url}?token=s3cret")
    assert page.url == server.url
    expect(state(page)).to_have_text("Running")
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog").locator(".diff")).to_be_visible()
    assert page.evaluate("document.cookie") == ""


SUITE = """
import time
from pathlib import Path
import pytest

@pytest.mark.graysplit(min_similarity=0.9)
@pytest.mark.parametrize("prompt", ["What is CAP?", "In 30 days?", "Where is the lamp?", "last"])
def test_answer(graysplit, prompt):
    for _ in range(600):
        if prompt != "last" or Path("go").exists():
            return
        time.sleep(0.05)
"""


def test_a_run_of_pytest_is_watched_to_its_end(tmp_path, visit):
    """While it goes on, when it has ended and when the server is gone: figures, verdict, and a case with its diff."""
    (tmp_path / "test_live.py").write_text(SUITE)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("GRAYSPLIT_", "PYTEST_", "CI"))
    }
    with RunningRelay() as relay:
        command = [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--graysplit-base-url={relay.url}",
            "--graysplit-control=claude-sonnet-4.5", "--graysplit-treatment=deepseek-v3.2", "--graysplit-dashboard",
        ]  # fmt: skip
        run = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**environ, "GRAYSPLIT_API_KEY": "any-text"}
        )
        page = visit(run.stdout.readline().split(" at ")[1].strip())
        expect(page.get_by_role("heading", level=1)).to_have_text("4 cases")
        expect(state(page)).to_have_text("Running")
        expect(page.locator("#progress-text")).to_contain_text("3 of 4 cases judged · 8 of 8 replies fetched")
        page.locator("#worst button").first.click()
        dialog = page.get_by_role("dialog")
        for word in ("claude-sonnet-4.5", "deepseek-v3.2"):
            expect(dialog).to_contain_text(f"Answer of {word} to: ")
        expect(dialog.locator("del")).to_contain_text("claude-sonnet-4.5")
        expect(dialog.locator("ins")).to_contain_text("deepseek-v3.2")
        page.keyboard.press("Escape")
        (tmp_path / "go").touch()
        expect(state(page)).to_have_text("Ended")
        expect(page.get_by_role("article").locator(".verdict")).to_contain_text("Hold")
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 1  # the answers of two models are not nine tenths alike
    assert "4 failed" in output
    expect(page.get_by_role("article").locator(".verdict")).to_contain_text("only 4 cases; a verdict needs at least 30")
    assert figures_of(page)["Cases"] == ["4", "4"]
    expect(state(page)).to_have_text("Ended")  # and no word of reconnecting, though nobody serves it any more
