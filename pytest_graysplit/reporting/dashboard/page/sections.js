// The page, part by part; each part is drawn again only when its own data has changed.

import { visitCase } from "./case.js";
import { byId, hiddenText, node, refresh, setText, updateList } from "./dom.js";
import { showArms, showCost, showLatency, showWindows } from "./figures.js";
import { showVerdicts, VERDICTS } from "./verdicts.js";

export function showSnapshot(snapshot) {
  showHead(snapshot);
  showVerdicts(snapshot);
  showArms(snapshot);
  showLatency(snapshot);
  showCost(snapshot);
  showWindows(snapshot);
  showWorst(snapshot);
  showNotes(snapshot);
  announce(snapshot);
}

function showHead({ title, subtitle, progress, page, comparisons }) {
  setText(byId("title"), title);
  setText(byId("subtitle"), subtitle);
  byId("progress").hidden = false;
  const { done, total, fetched, to_fetch: toFetch } = progress;
  const bar = byId("progress-bar");
  bar.hidden = total === null;
  // The bar counts fetched replies and judged cases, because fetching takes most of the time.
  bar.max = total + toFetch || 1;
  bar.value = total === null ? 0 : done + fetched;
  bar.setAttribute("aria-valuetext", page.progress.bar);
  setText(byId("progress-text"), page.progress.text);
  const verdicts = comparisons.map((each) => VERDICTS[each.verdict][1]);
  document.title = [...new Set(verdicts), page.progress.title, title].join(" · ");
}

function showWorst(snapshot) {
  byId("worst-part").hidden = !snapshot.worst.length;
  setText(byId("worst-title"), snapshot.kind === "run" ? "Worst cases" : "Failed requests");
  const several = snapshot.comparisons.length > 1;
  const listed = snapshot.worst.map((each, place) => ({ ...each, text: snapshot.page.worst[place] }));
  updateList(
    byId("worst"),
    listed,
    (each) => `${each.treatment}\n${each.id}`,
    makeWorst,
    (host, each) => refresh(host.firstChild, { each, several }, worstLine),
  );
}

function makeWorst({ id }) {
  const button = node("button", { type: "button", "data-case": id });
  button.addEventListener("click", () => visitCase(id));
  return node("li", {}, button);
}

function worstLine({ each, several }) {
  const missing = Object.entries(each.passed)
    .filter(([, passed]) => !passed)
    .map(([arm]) => arm);
  const others = several && !missing.includes(each.treatment) ? [each.treatment] : [];
  return [
    node("span", { class: "score" }, hiddenText("similarity "), each.text),
    node(
      "span",
      {},
      node("span", { class: "name" }, each.name),
      node(
        "span",
        { class: "tags" },
        [...others, ...missing.map((arm) => `${arm} misses`), ...each.flags].map((text) =>
          node("span", { class: "tag" }, text),
        ),
      ),
    ),
    node("span", { class: "why" }, each.why),
  ];
}

function showNotes(snapshot) {
  byId("notes-part").hidden = !snapshot.notes.length;
  refresh(byId("notes"), snapshot.notes, (notes) => notes.map((note) => node("li", {}, note)));
}

export function announce(snapshot) {
  const verdicts = snapshot.comparisons.map((each) => `${each.treatment}: ${VERDICTS[each.verdict][1]}.`);
  setText(byId("announcer"), [snapshot.state === "ended" ? "Ended." : "Running.", ...verdicts].join(" "));
}
