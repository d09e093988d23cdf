// The whole page, part by part, each of which draws itself when its own share of the snapshot has changed.

import { visitCase } from "./case.js";
import { byId, keyed, node, refresh, setText, unseen } from "./dom.js";
import { showArms, showCost, showLatency, showWindows } from "./figures.js";
import { money, score, whole } from "./numbers.js";
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

function showHead(snapshot) {
  setText(byId("title"), snapshot.title);
  setText(byId("subtitle"), snapshot.subtitle);
  byId("progress").hidden = false;
  const { done, total, unit, fetched, to_fetch: toFetch } = snapshot.progress;
  const bar = byId("progress-bar");
  bar.hidden = total === null;
  // Most of a run's time goes into fetching, before the first case is judged: the bar counts both.
  bar.max = total + toFetch || 1;
  bar.value = total === null ? 0 : done + fetched;
  bar.setAttribute("aria-valuetext", `${done} of ${total} ${unit}`);
  setText(byId("progress-text"), progressText(snapshot.progress));
  const verdicts = snapshot.comparisons.map((each) => VERDICTS[each.verdict][1]);
  document.title = [...new Set(verdicts), total === null ? whole(done) : `${done}/${total}`, snapshot.title].join(
    " · ",
  );
}

function progressText({ unit, done, total, fetched, to_fetch: toFetch, spent_usd: spent }) {
  const parts = [total === null ? `${whole(done)} ${unit}` : `${whole(done)} of ${whole(total)} ${unit} judged`];
  if (toFetch) parts.push(`${whole(fetched || 0)} of ${whole(toFetch)} replies fetched`);
  if (spent !== null) parts.push(`${money(spent)} spent`);
  else if (toFetch && fetched) parts.push("cost unknown");
  return parts.join(" · ");
}

function showWorst(snapshot) {
  byId("worst-part").hidden = !snapshot.worst.length;
  setText(byId("worst-title"), snapshot.kind === "run" ? "Worst cases" : "Requests that did not end well");
  const several = snapshot.comparisons.length > 1;
  keyed(
    byId("worst"),
    snapshot.worst,
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
    node("span", { class: "score" }, unseen("similarity "), each.similarity === null ? NONE : score(each.similarity)),
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
