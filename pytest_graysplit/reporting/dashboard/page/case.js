// One case in a dialog over the page, with an address of its own: #case=ID.

import { byId, more, node, setText } from "./dom.js";
import { money, score, seconds } from "./numbers.js";

const dialog = byId("case");
let visited = false; // whether the address before this one was the page itself
let asked = 0;

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

// Back to the page: one step back where there is one, so that the button and the browser's own agree.
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
  asked += 1;
  const mine = asked;
  dialog.dataset.of = id;
  setText(byId("case-title"), id);
  byId("case-body").replaceChildren(node("p", { class: "quiet" }, "Loading"));
  if (!dialog.open) dialog.showModal();
  byId("case-title").focus();
  const content = await caseContent(id);
  if (mine !== asked) return;
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
        "The case could not be loaded: the server does not answer. Close it, and try again once the page is connected.",
      ),
    ];
  }
}

function caseParts(found) {
  setText(byId("case-title"), found.name || found.id);
  return [
    node("p", { class: "quiet" }, caseFacts(found)),
    whyPart(found),
    textPart("Prompt", found.prompt),
    diffPart(found.diff || []),
    node("div", { class: "answers" }, found.arms.map(answerPart)),
  ].filter(Boolean);
}

function caseFacts({ treatment, similarity, threshold, metric }) {
  const facts = [treatment];
  // Without a metric nobody has compared: a request of live traffic has one answer.
  if (similarity !== null) facts.push(`similarity ${score(similarity, threshold)}`);
  else if (metric !== null) facts.push("similarity unknown");
  if (threshold !== null) facts.push(`threshold ${threshold}`);
  if (metric !== null) facts.push(`metric ${metric}`);
  return facts.filter(Boolean).join(" · ");
}

function whyPart({ flags, misses }) {
  const missed = Object.entries(misses || {}).flatMap(([arm, texts]) => texts.map((text) => [`${arm}: `, text]));
  const flagged = (flags || []).map(({ name, detail }) => [`${name}: `, detail]);
  if (!missed.length && !flagged.length) return null;
  const items = [...missed, ...flagged].map(([lead, text]) => node("li", {}, node("b", {}, lead), text));
  return node("section", {}, node("h3", {}, "Why it stands out"), node("ul", { class: "reason-list" }, items));
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
    node("p", { class: "axis" }, "[-only in the control's answer-] {+only in the treatment's+}"),
    node(
      "p",
      { class: "diff" },
      diff.flatMap(([kind, text]) => [diffPiece(kind, text), " "]),
    ),
  );
}

// The signs stand in the text, so that nothing depends on seeing a colour.
function diffPiece(kind, text) {
  const sign = (mark) => node("span", { class: "sign" }, mark);
  if (kind === "-") return node("del", {}, sign("[-"), text, sign("-]"));
  return kind === "+" ? node("ins", {}, sign("{+"), text, sign("+}")) : text;
}

function answerPart(arm) {
  const facts = [arm.outcome, arm.latency_s === null ? null : seconds(arm.latency_s), `cost ${money(arm.cost_usd)}`];
  const title = arm.arm === arm.model ? arm.model : `${arm.model} (${arm.arm})`;
  const said = arm.text || (arm.error ? "" : "(empty)");
  return node(
    "section",
    {},
    node("h3", {}, title),
    more(facts.filter(Boolean).join(" · ")),
    arm.error ? node("p", {}, node("b", {}, "Error: "), arm.error) : null,
    said ? node("div", { class: "said", tabindex: 0, role: "region", "aria-label": `Answer of ${title}` }, said) : null,
  );
}

byId("case-close").addEventListener("click", leaveCase);
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  leaveCase();
});
dialog.addEventListener("close", () => {
  asked += 1;
  if (caseInAddress() !== null) forgetCase(); // a browser may close it on its own, at a second Escape
  const button = [...document.querySelectorAll("[data-case]")].find((each) => each.dataset.case === dialog.dataset.of);
  if (button) button.focus();
});
window.addEventListener("hashchange", followAddress);
