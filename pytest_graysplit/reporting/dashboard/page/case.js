// One case in a dialog over the page, with an address of its own: #case=ID.

import { byId, node, setText, smallLine } from "./dom.js";

const dialog = byId("case");
let visited = false; // whether the previous address was that of the page
let requests = 0;

const caseInAddress = () => (location.hash.startsWith("#case=") ? decoded(location.hash.slice(6)) : null);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function visitCase(id) {
  visited = true;
  location.hash = `case=${encodeURIComponent(id)}`;
}

export function followAddress() {
  const id = caseInAddress();
  if (id !== null) {
    openCase(id);
    return;
  }
  visited = false;
  dialog.close();
}

// Return to the page by one step back in the history if there is one, so that the browser's button does the same.
function leaveCase() {
  if (visited) {
    history.back();
    return;
  }
  forgetCase();
  dialog.close();
}

function forgetCase() {
  history.replaceState(null, "", location.pathname + location.search);
}

async function openCase(id) {
  requests += 1;
  const mine = requests;
  dialog.dataset.of = id;
  setText(byId("case-title"), id);
  byId("case-body").replaceChildren(node("p", { class: "quiet" }, "Loading"));
  if (!dialog.open) dialog.showModal();
  byId("case-title").focus();
  const content = await caseContent(id);
  if (mine !== requests) return;
  byId("case-body").replaceChildren(...content);
}

async function caseContent(id) {
  try {
    const response = await fetch(`cases/${encodeURIComponent(id)}`);
    const found = await response.json();
    if (response.ok) return caseParts(found);
    return [node("p", {}, found.error || `The server answered ${response.status}.`)];
  } catch {
    return [
      node(
        "p",
        {},
        "The case could not be loaded: the server does not answer. Close it, and open it again when the page is connected.",
      ),
    ];
  }
}

function caseParts(found) {
  setText(byId("case-title"), found.name || found.id);
  const turns = found.turns || [];
  const steps = found.steps || [];
  const prompt = steps.length && !found.prompt ? null : textPart("Prompt", found.prompt);
  const said = turns.length
    ? turns.flatMap((turn, place) => turnParts(turn, found.page.turns[place]))
    : [prompt, ...answerParts(found, found.page)];
  return [
    node("p", { class: "quiet" }, found.page.facts),
    whyPart(found),
    rubricPart(found.rubric || [], found.arms),
    ...said,
    ...steps.flatMap((step, place) => stepParts(step, found.page.steps[place])),
  ].filter(Boolean);
}

// One call of an application, after its outputs: the answers of the arms that have made it.
const stepParts = (step, page) => [node("section", {}, node("h3", {}, page.title)), ...answerParts(step, page)];

// A conversation: each message of the user, then the answers to it.
function turnParts(turn, page) {
  return [textPart(page.title, turn.user), ...(turn.arms.length ? answerParts(turn, page) : [])];
}

const answerParts = (found, page) => [
  diffPart(found.diff || []),
  callDiffPart(found.call_diff || []),
  node(
    "div",
    { class: "answers" },
    found.arms.map((arm, place) => answerPart(arm, page.arms[place], page.calls[place])),
  ),
];

function whyPart({ flags, fields, misses }) {
  const missed = Object.entries(misses || {}).flatMap(([arm, texts]) => texts.map((text) => [`${arm}: `, text]));
  const flagged = [...(fields || []), ...(flags || [])].map(({ name, detail }) => [`${name}: `, detail]);
  if (!missed.length && !flagged.length) return null;
  const items = [...missed, ...flagged].map(([lead, text]) => node("li", {}, node("b", {}, lead), text));
  return node("section", {}, node("h3", {}, "Why it stands out"), node("ul", { class: "reason-list" }, items));
}

function rubricPart(rubric, arms) {
  if (!rubric.length) return null;
  const verdict = ({ arms: verdicts }, { arm }) => {
    const found = verdicts[arm];
    if (!found) return node("li", {}, node("b", {}, `${arm}: `), "not asked, a check failed");
    const said = found.holds === null ? "no verdict" : found.holds ? "yes" : "no";
    return node("li", {}, node("b", {}, `${arm}: ${said}`), found.reason ? `. ${found.reason}` : "");
  };
  const items = rubric.map((one) =>
    node("li", {}, one.criterion, node("ul", { class: "verdict-list" }, arms.map((arm) => verdict(one, arm)))),
  );
  return node("section", {}, node("h3", {}, "Rubric"), node("ul", { class: "reason-list" }, items));
}

function textPart(title, text) {
  return node(
    "section",
    {},
    node("h3", {}, title),
    node("div", { class: "said", tabindex: 0, role: "region", "aria-label": title }, text || "(empty)"),
  );
}

function diffPart(diff) {
  if (!diff.length) return null;
  return node(
    "section",
    {},
    node("h3", {}, "Difference"),
    diffKey(),
    node(
      "p",
      { class: "diff" },
      diff.flatMap(([kind, text]) => [diffPiece(kind, text), " "]),
    ),
  );
}

const diffKey = () => node("p", { class: "axis" }, "[-only in the control's answer-] {+only in the treatment's+}");

function callDiffPart(lines) {
  if (!lines.length) return null;
  const changed = lines.some((line) => line.some(([kind]) => kind !== "="));
  return node(
    "section",
    {},
    node("h3", {}, "Difference in tool calls"),
    changed ? diffKey() : node("p", { class: "axis" }, "Equal on both sides"),
    node("ul", { class: "diff call-list" }, lines.map((line) => node("li", {}, line.flatMap(callPiece)))),
  );
}

// Only a value and its replacement have a gap between them: pieces of a call have their own spaces.
const callPiece = ([kind, text], place, line) => [
  kind === "+" && place > 0 && line[place - 1][0] === "-" ? " " : null,
  diffPiece(kind, text),
];

// The signs are part of the text, so that the difference does not depend on colour.
function diffPiece(kind, text) {
  const sign = (mark) => node("span", { class: "sign" }, mark);
  if (kind === "-") return node("del", {}, sign("[-"), text, sign("-]"));
  return kind === "+" ? node("ins", {}, sign("{+"), text, sign("+}")) : text;
}

function answerPart(arm, facts, calls) {
  const title = arm.arm === arm.model ? arm.model : `${arm.model} (${arm.arm})`;
  const said = arm.text || (arm.error || calls.length ? "" : "(empty)");
  return node(
    "section",
    {},
    node("h3", {}, title),
    smallLine(facts),
    arm.error ? node("p", {}, node("b", {}, "Error: "), arm.error) : null,
    said ? node("div", { class: "said", tabindex: 0, role: "region", "aria-label": `Answer of ${title}` }, said) : null,
    calls.length ? callsPart(title, calls) : null,
  );
}

function callsPart(title, calls) {
  const list = node("ul", { class: "call-list" }, calls.map((call) => node("li", {}, call)));
  const label = `Tool calls of ${title}`;
  return node("div", { class: "said calls", tabindex: 0, role: "region", "aria-label": label }, list);
}

byId("case-close").addEventListener("click", leaveCase);
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  leaveCase();
});
dialog.addEventListener("close", () => {
  requests += 1;
  if (caseInAddress() !== null) forgetCase(); // a browser may close the dialog itself, at a second Escape
  const button = [...document.querySelectorAll("[data-case]")].find((each) => each.dataset.case === dialog.dataset.of);
  if (button) button.focus();
});
window.addEventListener("hashchange", followAddress);
