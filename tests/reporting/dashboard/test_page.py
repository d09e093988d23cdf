"""The page in a real browser: its content, its use, an interrupted connection, and the end of the run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import live_snapshots as snapshots
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
    """A browser for this file only, because playwright allows no other event loop beside its own."""
    with sync_playwright() as playwright:
        executable = found_or_installed(playwright)
        if executable is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)
        # A long limit costs nothing when tests pass, and a busy machine needs it.
        expect.set_options(timeout=20_000)
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def source():
    return snapshots.FakeSource(snapshots.run(), {each["id"]: snapshots.case(each["id"]) for each in snapshots.WORST})


@pytest.fixture
def open_page(chromium):
    """Open an address in a new window; any message on the console fails the test."""
    contexts, messages, requested = [], [], []

    def visited(address, *, width=1280, scheme="light", **options):
        contexts.append(
            chromium.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en-GB", **options
            )
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.requested = requested
        page.goto(address)
        return page

    yield visited
    for context in contexts:
        context.close()
    # The browser itself reports a connection that a test interrupts.
    assert [each for each in messages if "net::ERR_" not in each and "status of 404" not in each] == []


def state(page):
    return page.locator("#state")


def fits(page):
    """Whether the page needs no horizontal scrolling."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_page_shows_verdict_figures_and_charts(source, start_server, open_page):
    """With headings, landmarks and descriptions of the charts."""
    page = open_page(start_server(source).url)
    expect(page.get_by_role("heading", level=1)).to_have_text("120 cases")
    expect(state(page)).to_have_text("Running")
    expect(page.locator("#progress-text")).to_have_text(
        "84 of 120 cases judged · 214 of 240 replies fetched · $0.9668 spent"
    )
    bar = page.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuetext") == "84 of 120 cases"
    assert bar.evaluate("bar => bar.position") == (84 + 214) / (120 + 240)  # fetched replies and judged cases
    assert page.get_by_role("article").locator(".verdict").inner_text().split("\n\n") == [
        "May deepseek-v3.2 replace claude-sonnet-4.5?", "‖Hold", snapshots.REASON,
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
    """The visible text of the cells of a table, line by line, as soon as it is shown."""
    expect(table).to_be_visible()
    return [
        [cell.inner_text().replace("\n", " ") for cell in line.locator("th, td").all()]
        for line in table.locator("tr").all()
    ]


def test_tables_show_all_figures(source, start_server, open_page):
    """The same figures as the charts, as text."""
    page = open_page(start_server(source).url)
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


def test_new_run_shows_no_zero_for_unknown_figures(start_server, open_page):
    """Parts without data are hidden."""
    page = open_page(start_server(snapshots.FakeSource(snapshots.empty())).url)
    expect(page.locator(".verdict-word")).to_have_text("○Collecting")
    cells = rows_of(page.get_by_role("table", name="Figures of each model"))[2:]
    assert {cell for line in cells for cell in line[1:]} == {"-"}
    assert page.locator("#latency-part, #cost-part, #worst-part, #windows-part").locator("visible=true").count() == 0


def figures_of(page):
    """The lines of the table of figures by title."""
    return {line[0]: line[1:] for line in rows_of(page.get_by_role("table", name="Figures of each model"))}


def test_table_shows_answers_before_their_cases_are_judged(source, start_server, open_page):
    """Errors and cost are known as soon as answers arrive."""
    arms = [snapshots.arm(name, name) for name in ("control", "deepseek-v3.2")]
    unjudged = {"n": 0, "passed": 0, "pass_rate": None, "pass_rate_ci": None, "cost_per_pass_usd": None}
    fetched = {**unjudged, "errors": 2, "outcomes": {"ok": 38, "error": 2}, "error_classes": {"relay-timeout": 2}}
    source.change(arms=[{**arms[0], **fetched, "cost_usd": 0.25}, {**arms[1], **unjudged, "outcomes": {}}])
    lines = figures_of(open_page(start_server(source).url))
    assert lines["Errors"] == ["2 of 40 5.0% relay-timeout 2", "-"]
    assert lines["Cost"] == ["$0.2500", "-"]
    assert (lines["Pass rate 95% CI"], lines["Cost per pass"]) == (["-", "-"], ["-", "-"])


def test_error_share_is_of_answers_and_not_of_cases(source, start_server, open_page):
    """A case with three samples can fail three times."""
    [control, treatment] = snapshots.run()["arms"]
    news = {"n": 4, "errors": 6, "outcomes": {"ok": 10, "empty": 2, "error": 6}, "error_classes": {"http-503": 6}}
    source.change(arms=[control, {**treatment, **news}])
    assert figures_of(open_page(start_server(source).url))["Errors"] == ["0 of 120", "6 of 18 33.3% http-503 6 empty 2"]


def test_traffic_page_shows_windows_weights_and_feedback(start_server, open_page):
    """And no price for answers without one."""
    page = open_page(start_server(snapshots.FakeSource(snapshots.traffic())).url)
    expect(page.locator("#progress-text")).to_have_text("9,124 requests · $82.10 spent")
    assert page.get_by_role("progressbar").count() == 0
    labels = [image.get_attribute("aria-label") for image in page.locator("#windows-part svg[role=img]").all()]
    assert labels[0] == "Requests over time; in the last window: claude-sonnet-4.5 (control) 415, deepseek-v3.2 46."
    assert (
        labels[1]
        == "Share of errors over time; in the last window: claude-sonnet-4.5 (control) 0.2%, deepseek-v3.2 6.5%."
    )
    expect(page.locator("#requests-caption")).to_have_text("Requests per minute")
    expect(page.locator("#worst-title")).to_have_text("Failed requests")
    lines = figures_of(page)
    assert lines[""] == ["claude-sonnet-4.5 control, 90% of traffic", "deepseek-v3.2 treatment, 10% of traffic"]
    assert lines["Cost"] == ["$82.10", "unknown 911 without a price"]
    assert lines["Fallbacks"] == ["0", "11"]
    assert lines["Feedback"] == ["0.86 of 412", "0.84 of 40"]


def test_case_dialog_opens_with_a_click_and_closes(source, start_server, open_page):
    """By the button, Escape, and the back button of the browser."""
    page = open_page(start_server(source).url)
    button = page.get_by_role("button", name=re.compile("refund-policy"))
    button.click()
    dialog = page.get_by_role("dialog", name=REFUND)
    expect(dialog.locator(".diff")).to_have_text("You have [-30-] {+14+} days to send it back. ")
    expect(dialog).to_contain_text("deepseek-v3.2 · similarity 0.12 · threshold 0.4 · metric lexical")
    expect(dialog).to_contain_text("numbers: 30 became 14")
    expect(dialog).to_contain_text("days: 30 became 14")
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


def a_call(name, **arguments):
    return {"name": name, "arguments": arguments, "id": None}


def test_case_dialog_shows_a_conversation_turn_by_turn(start_server, open_page):
    """Each turn has the message of the user, the difference, and both answers; a turn may lack an answer."""
    one = snapshots.case(REFUND)
    first = [{**arm, "text": "I am sorry."} for arm in one["arms"]]
    turns = [
        {"number": 0, "user": "My lamp is broken.", "parts": False, "similarity": 1.0, "arms": first, "diff": []},
        {"number": 1, "user": "How long?", "parts": True, "similarity": 0.12, "arms": one["arms"], "diff": one["diff"]},
        {"number": 2, "user": "And who pays?", "parts": False, "similarity": 0.0, "arms": one["arms"][:1], "diff": []},
    ]
    page = open_page(start_server(snapshots.FakeSource(snapshots.run(), {REFUND: {**one, "turns": turns}})).url)
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    dialog = page.get_by_role("dialog", name=REFUND)
    expect(dialog.get_by_role("heading", name=re.compile("^Turn"))).to_have_text(
        ["Turn 1, similarity 1.00", "Turn 2, similarity 0.12, the arms part here", "Turn 3, similarity 0.00"]
    )
    expect(dialog.get_by_role("region", name=re.compile("^Turn"))).to_have_text(
        ["My lamp is broken.", "How long?", "And who pays?"]
    )
    expect(dialog.locator(".diff")).to_have_text("You have [-30-] {+14+} days to send it back. ")
    expect(dialog.get_by_role("region", name="Answer of deepseek-v3.2")).to_have_text(
        ["I am sorry.", "You have 14 days to send it back."]
    )
    expect(dialog.get_by_role("heading", name="Prompt")).to_have_count(0)


def test_case_dialog_shows_the_calls_of_an_application(start_server, open_page):
    """The outputs come first, then each call with the answers of the arms that have made it."""
    one = snapshots.case(REFUND)
    first = [{**arm, "text": "", "tool_calls": [a_call("look_up", order=1001)]} for arm in one["arms"]]
    steps = [
        {"number": 0, "parts": False, "arms": first, "diff": [], "call_diff": []},
        {"number": 1, "parts": True, "arms": one["arms"][:1], "diff": [], "call_diff": []},
    ]
    case = {**one, "prompt": "", "steps": steps}
    page = open_page(start_server(snapshots.FakeSource(snapshots.run(), {REFUND: case})).url)
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    dialog = page.get_by_role("dialog", name=REFUND)
    headings = dialog.get_by_role("heading", name=re.compile("^Call"))
    expect(headings).to_have_text(["Call 1", "Call 2, the arms part here"])
    expect(dialog.get_by_role("region", name=re.compile("^Tool calls"))).to_have_text(["look_up(order=1001)"] * 2)
    expect(dialog.get_by_role("heading", name="Prompt")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_case_dialog_shows_tool_calls(start_server, open_page, width, scheme):
    """Each arm's calls and their difference, and the rubric; an answer that only calls is not an empty one."""
    note = "The lamp arrived broken, and the customer wants the money back before the end of the week"
    control = {
        **snapshots.answer("control", "claude-sonnet-4.5", "", 1.21, 0.0078),
        "tool_calls": [a_call("look_up", order=1001), a_call("refund", order=1001, note=note)],
    }
    treatment = {
        **snapshots.answer("deepseek-v3.2", "deepseek-v3.2", "I refund it.", 0.83, 0.0002),
        "tool_calls": [
            a_call("refund", order=1002, note=note),
            {"name": "notify", "arguments": None, "id": None, "arguments_text": '{"a": 1'},
        ],
    }
    lines = [
        [["-", "look_up(order=1001)"]],
        [["=", "refund(order="], ["-", "1001"], ["+", "1002"], ["=", f', note="{note}")']],
        [["+", 'notify(not a JSON object: "{\\"a\\": 1")']],
    ]
    said = {"holds": False, "reason": "It refunds at once."}
    rubric = [
        {"criterion": "promises no refund", "arms": {"deepseek-v3.2": said}},
        {"criterion": "asks for the receipt", "arms": {"deepseek-v3.2": {"holds": None, "reason": ""}}},
    ]
    found = snapshots.case(
        REFUND, arms=[control, treatment], diff=[["+", "I refund it."]], call_diff=lines, metric="tool calls",
        rubric=rubric,
    )  # fmt: skip
    source = snapshots.FakeSource(snapshots.run(), {REFUND: found})
    page = open_page(f"{start_server(source).url}#case={REFUND}", width=width, scheme=scheme)
    dialog = page.get_by_role("dialog", name=REFUND)
    # The page loads the case after the dialog is opened; reading the texts does not wait for it.
    expect(dialog.locator(".diff.call-list li")).to_have_count(3)
    assert dialog.locator(".diff.call-list li").all_inner_texts() == [
        "[-look_up(order=1001)-]",
        f'refund(order=[-1001-] {{+1002+}}, note="{note}")',
        '{+notify(not a JSON object: "{\\"a\\": 1")+}',
    ]
    expect(dialog.get_by_role("heading", name="Difference in tool calls")).to_be_visible()
    assert dialog.locator(".verdict-list").all_inner_texts() == [
        "control: not asked, a check failed\ndeepseek-v3.2: no. It refunds at once.",
        "control: not asked, a check failed\ndeepseek-v3.2: no verdict",
    ]
    calls = dialog.get_by_role("region", name="Tool calls of deepseek-v3.2").locator("li")
    assert calls.count() == 2
    assert dialog.get_by_role("region", name="Answer of claude-sonnet-4.5 (control)").count() == 0
    expect(dialog).not_to_contain_text("(empty)")
    assert fits(page)
    assert dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    # The signs stand beside the words that they mark, and not on top of them.
    assert dialog.evaluate(
        """dialog => [...dialog.querySelectorAll(".call-list del")].every((del) => {
          const [first, last] = del.querySelectorAll(".sign");
          const [left, right] = [first, last].map((sign) => sign.getBoundingClientRect());
          return left.left >= del.getBoundingClientRect().left && left.right < right.left - 20;
        })"""
    )
    assert [each for each in page.evaluate(CONTRAST) if each[0] < 4.5] == []


def test_case_dialog_says_that_tool_calls_are_equal(start_server, open_page):
    """Without marks a reader would look for them."""
    arms = [
        {**snapshots.answer(name, model, "", 1.0, 0.1), "tool_calls": [a_call("notify")]}
        for name, model in (("control", "claude-sonnet-4.5"), ("deepseek-v3.2", "deepseek-v3.2"))
    ]
    found = snapshots.case(REFUND, arms=arms, diff=[], call_diff=[[["=", "notify()"]]])
    page = open_page(f"{start_server(snapshots.FakeSource(snapshots.run(), {REFUND: found})).url}#case={REFUND}")
    section = page.get_by_role("dialog").locator("section", has_text="Difference in tool calls")
    expect(section).to_have_text("Difference in tool callsEqual on both sidesnotify()")


def test_case_dialog_opens_from_its_address(source, start_server, open_page):
    """Also for the id of a parametrized test."""
    awkward = snapshots.WORST[2]["id"]
    server = start_server(source)
    page = open_page(f"{server.url}#case={awkward.replace(' ', '%20')}")
    dialog = page.get_by_role("dialog", name=awkward)
    expect(dialog.locator(".diff")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.url == server.url
    gone = open_page(f"{server.url}#case=gone")
    expect(gone.get_by_role("dialog", name="gone")).to_contain_text("there is no case 'gone' here")


def test_keyboard_reaches_and_leaves_a_case(source, start_server, open_page):
    """Tab reaches the cases, Enter opens one, and the focus returns when it closes."""
    page = open_page(start_server(source).url)
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


def test_update_keeps_focus_and_open_case(source, start_server, open_page):
    """Unchanged parts are not drawn again, and the verdict is announced."""
    page = open_page(start_server(source).url)
    button = page.get_by_role("button", name=re.compile("delete-account"))
    button.focus()
    table = page.locator("#arms table").element_handle()
    expect(page.get_by_role("status")).to_have_text("Running. deepseek-v3.2: Hold.")
    promoted = snapshots.comparison(verdict="promote", reasons=["not worse by more than 2.1 points"])
    source.change(worst=[snapshots.WORST[1], snapshots.WORST[0]], comparisons=[promoted])
    expect(page.locator(".verdict")).to_contain_text("✓Promotenot worse by more than 2.1 points")
    expect(page.get_by_role("status")).to_have_text("Running. deepseek-v3.2: Promote.")
    assert page.locator("[data-case]").evaluate_all("all => all.map((each) => each.dataset.case)") == [
        "support.jsonl::delete-account", REFUND,
    ]  # fmt: skip
    expect(button).to_be_focused()
    assert table.evaluate("each => each.isConnected")
    page.keyboard.press("Enter")
    diff = page.get_by_role("dialog").locator(".diff").element_handle()
    source.change(title="121 cases", worst=[])
    expect(page.locator("#title")).to_have_text("121 cases")
    expect(page.get_by_role("dialog", name="support.jsonl::delete-account")).to_be_visible()
    assert diff.evaluate("each => each.isConnected")


def test_page_reconnects_to_the_next_server(source, start_server, open_page):
    """It shows that the connection is interrupted, and keeps the figures."""
    first = start_server(source)
    page = open_page(first.url)
    expect(state(page)).to_have_text("Running")
    first.stop()
    expect(state(page)).to_have_text(re.compile(r"Reconnecting, figures of \d\d:\d\d"))
    expect(page.locator(".verdict")).to_contain_text("Hold")
    start_server(snapshots.FakeSource(snapshots.run(title="the next run")), port=first.port)
    expect(page.locator("#title")).to_have_text("the next run")
    expect(state(page)).to_have_text("Running")


def test_ended_page_sends_no_more_requests(source, start_server, open_page):
    """The last figures stay."""
    server = start_server(source)
    page = open_page(server.url)
    expect(state(page)).to_have_text("Running")
    source.change(state="ended", elapsed_s=83.0, title="all 120 cases")
    expect(state(page)).to_have_text("Ended")
    expect(page.locator("#elapsed")).to_have_text("took 1:23")
    expect(page.get_by_role("status")).to_have_text("Ended. deepseek-v3.2: Hold.")
    server.stop()
    asked = len(page.requested)
    page.wait_for_timeout(1800)  # longer than a page takes to reconnect and to show that it tries
    assert len(page.requested) == asked
    expect(state(page)).to_have_text("Ended")
    expect(page.locator("#title")).to_have_text("all 120 cases")
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog")).to_contain_text("The case could not be loaded: the server does not answer.")


def test_texts_of_models_are_shown_as_text(start_server, open_page):
    """Markup in an answer runs nothing and draws nothing."""
    compared = snapshots.comparison(
        HOSTILE, reasons=[HOSTILE], rows=[{**snapshots.ROWS[0], "label": HOSTILE, "method": HOSTILE}]
    )
    arms = [snapshots.arm("control", HOSTILE), snapshots.arm(HOSTILE, HOSTILE, error_classes={HOSTILE: 1})]
    listed = snapshots.worst(HOSTILE, 0.1, HOSTILE, flags=[HOSTILE], treatment=HOSTILE)
    found = snapshots.case(
        HOSTILE, prompt=HOSTILE, diff=[["-", HOSTILE], ["+", HOSTILE]], misses={HOSTILE: [HOSTILE]},
        rubric=[{"criterion": HOSTILE, "arms": {"control": {"holds": True, "reason": HOSTILE}}}],
        arms=[{**snapshots.answer("control", HOSTILE, HOSTILE, 1.0, None), "tool_calls": [a_call(HOSTILE, a=HOSTILE)]}],
        call_diff=[[["=", HOSTILE], ["-", HOSTILE], ["+", HOSTILE]], [["+", HOSTILE * 20]]],
    )  # fmt: skip
    news = {"title": HOSTILE, "subtitle": HOSTILE, "notes": [HOSTILE], "arms": arms}
    source = snapshots.FakeSource(snapshots.run(comparisons=[compared], worst=[listed], **news), {HOSTILE: found})
    page = open_page(start_server(source).url, width=360)
    expect(page.locator("#title")).to_have_text(HOSTILE)
    page.locator("[data-case]").click()
    expect(page.get_by_role("dialog").get_by_role("region", name=f"Answer of {HOSTILE} (control)")).to_have_text(
        HOSTILE
    )
    assert page.locator(".call-list li").count() == 3
    assert page.evaluate("[window.taken ?? null, document.images.length, document.scripts.length]") == [None, 0, 1]
    assert fits(page)


def test_hidden_characters_are_spelled_out(start_server, open_page):
    """Characters that turn the direction of writing would show another answer."""
    hidden = "pass \u202edeliaf\u202c\u200b \x1b[2J end"
    source = snapshots.FakeSource(snapshots.run(title=hidden, notes=[hidden]))
    page = open_page(start_server(source).url)
    shown = r"pass \u202edeliaf\u202c\u200b \x1b[2J end"
    expect(page.get_by_text(shown)).to_have_count(2)
    assert not re.search("[\u200b\u202c\u202e\x1b]", page.inner_text("body"))


@pytest.mark.parametrize("width", [360, 1280])
def test_page_fits_and_sends_requests_to_its_own_server_only(source, start_server, open_page, width):
    """Without horizontal scrolling, also on a phone, for a run, traffic and a case."""
    three = snapshots.run()["arms"] + [snapshots.arm("a-model-with-quite-a-long-name-70b-instruct", "x" * 60)]
    source.change(arms=three, comparisons=[snapshots.comparison(), snapshots.comparison("x" * 60, similarity=None)])
    server = start_server(source)
    page = open_page(server.url, width=width)
    expect(state(page)).to_have_text("Running")
    assert fits(page)
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog").locator(".diff")).to_be_visible()
    assert fits(page)
    page.keyboard.press("Escape")
    source.state = snapshots.traffic()
    expect(page.locator("#title")).to_have_text("traffic.jsonl")
    assert fits(page)
    assert [address for address in page.requested if not address.startswith((server.url, "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(source, start_server, open_page, scheme):
    """At least 4.5 to 1 for each text, with all verdicts and states, and in a case."""
    rows = [{**snapshots.ROWS[0], "state": each} for each in ("pass", "fail", "inconclusive", None)]
    verdicts = ("promote", "hold", "reject", "collecting")
    source.change(
        comparisons=[snapshots.comparison(f"model {each}", each, rows=rows) for each in verdicts], notes=["a note"]
    )
    server = start_server(source)
    page = open_page(server.url, scheme=scheme)
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


def test_reduced_motion_stops_the_animation(source, start_server, open_page):
    """If the reader has asked the system for it."""
    server = start_server(source)
    moving, still = (open_page(server.url, reduced_motion=each) for each in ("no-preference", "reduce"))
    for page, name in ((moving, "breathe"), (still, "none")):
        expect(state(page)).to_have_text("Running")
        assert page.locator(".state-mark").evaluate("each => getComputedStyle(each).animationName") == name


def test_page_with_a_token_works_by_its_cookie(source, start_server, open_page):
    """Modules, styles, the stream and the cases as well."""
    server = start_server(source, token="s3cret")
    page = open_page(f"{server.url}?token=s3cret")
    assert page.url == server.url
    expect(state(page)).to_have_text("Running")
    page.get_by_role("button", name=re.compile("refund-policy")).click()
    expect(page.get_by_role("dialog").locator(".diff")).to_be_visible()
    assert page.evaluate("document.cookie") == ""


def test_scripts_without_the_nonce_do_not_run(source, start_server, chromium):
    """Not even a file of the page itself: an application that it is mounted in may serve files of others."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(start_server(source).url)
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
            const script = document.createElement("script");
            script.src = "page/numbers.js";
            document.head.append(script);
        })"""
    )
    context.close()
    assert blocked == "script-src-elem"


MOUNTED = """
import sys
sys.path.insert(0, {tests!r})
import live_snapshots, socket, uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from pytest_graysplit.reporting.dashboard.app import page_app
source = live_snapshots.FakeSource(live_snapshots.run(), {{"a/b": live_snapshots.case("a/b")}})
app = Starlette(routes=[Mount("/tools/graysplit", page_app(source, token="s3cret"))])
taken = socket.create_server(("127.0.0.1", 0))
print(taken.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[taken])
"""


def test_mounted_page_with_a_token_works_below_its_prefix(open_page):
    """The cookie opens modules and styles, and all of them are found below the prefix."""
    script = MOUNTED.format(tests=str(Path(snapshots.__file__).parent))
    server = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/tools/graysplit"
        page = open_page(f"{url}?token=s3cret#case=a%2Fb")
        expect(state(page)).to_have_text("Running")
        expect(page.get_by_role("dialog", name="a/b").locator(".diff")).to_be_visible()
        assert [address for address in page.requested if not address.startswith((url, "data:"))] == []
    finally:
        server.kill()
        server.communicate()


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


def test_page_follows_a_pytest_run_to_its_end(tmp_path, open_page):
    """Figures, verdict and a case, while the run goes on and after the server has stopped."""
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
        page = open_page(run.stdout.readline().split(" at ")[1].strip())
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
    assert run.returncode == 1  # the similarity of the two answers is below 0.9
    assert "4 failed" in output
    expect(page.get_by_role("article").locator(".verdict")).to_contain_text("only 4 cases; a verdict needs at least 30")
    assert figures_of(page)["Cases"] == ["4", "4"]
    expect(state(page)).to_have_text("Ended")  # and not "Reconnecting", although the server has stopped
