// The parts of the page, each of which draws itself from the snapshot when its own share of it has changed.

const VERDICTS = {
  promote: ["✓", "Promote"],
  hold: ["‖", "Hold"],
  reject: ["✕", "Reject"],
  collecting: ["○", "Collecting"],
};

function showSnapshot(snapshot) {
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

const controlOf = (snapshot) => snapshot.arms.find((arm) => arm.role === "control");
const legendOf = (arms) => arms.map(({ name, place }) => ({ name, place }));
const nameOf = (arm) => (arm.role === "control" ? `${arm.model} (control)` : arm.arm);

function showHead(snapshot) {
  say(byId("title"), snapshot.title);
  say(byId("subtitle"), snapshot.subtitle);
  byId("progress").hidden = false;
  const { done, total, unit } = snapshot.progress;
  const bar = byId("progress-bar");
  bar.hidden = total === null;
  bar.max = total || 1;
  bar.value = total === null ? 0 : done;
  bar.setAttribute("aria-valuetext", `${done} of ${total} ${unit}`);
  say(byId("progress-text"), progressText(snapshot.progress));
  const verdicts = snapshot.comparisons.map((each) => VERDICTS[each.verdict][1]);
  document.title = [...new Set(verdicts), total === null ? whole(done) : `${done}/${total}`, snapshot.title].join(" · ");
}

function progressText({ unit, done, total, fetched, to_fetch: toFetch, spent_usd: spent }) {
  const parts = [total === null ? `${whole(done)} ${unit}` : `${whole(done)} of ${whole(total)} ${unit} judged`];
  if (toFetch) parts.push(`${whole(fetched || 0)} of ${whole(toFetch)} replies fetched`);
  if (spent !== null) parts.push(`${money(spent)} spent`);
  return parts.join(" · ");
}

function showVerdicts(snapshot) {
  const control = controlOf(snapshot);
  keyed(byId("verdicts"), snapshot.comparisons, (each) => each.treatment, makeTreatment,
    (host, each) => fillTreatment(host, each, control ? control.model : "the control"));
}

function makeTreatment({ treatment }) {
  const aside = node("section", { class: "similarity", hidden: true }, node("h3", {}, "Similarity"),
    node("p", { class: "axis" }), node("div", { class: "chart" }));
  return node("article", { class: "treatment", "aria-label": treatment }, node("div", { class: "verdict" }),
    node("div", { class: "evidence" }, node("div", { class: "row-host" }), aside));
}

function fillTreatment(host, comparison, control) {
  const { treatment, verdict, reasons, rows, similarity } = comparison;
  host.dataset.verdict = verdict;
  refresh(host.querySelector(".verdict"), { treatment, verdict, reasons, control }, verdictBox);
  refresh(host.querySelector(".row-host"), { rows, treatment }, (value) => (value.rows.length ? rowTable(value) : []));
  host.querySelector(".evidence").hidden = !rows.length && !similarity;
  fillSimilarity(host.querySelector(".similarity"), similarity);
}

function verdictBox({ treatment, verdict, reasons, control }) {
  const [sign, word] = VERDICTS[verdict];
  return [node("h2", {}, "May ", node("b", {}, treatment), " replace ", node("b", {}, control), "?"),
    node("p", { class: "verdict-word" }, node("span", { class: "verdict-sign", "aria-hidden": "true" }, sign), word),
    node("ul", { class: "reasons" }, reasons.map((reason) => node("li", {}, reason)))];
}

function fillSimilarity(host, similarity) {
  host.hidden = !similarity || !similarity.n;
  if (host.hidden) return;
  say(host.querySelector(".axis"), similarityText(similarity).replace("Similarity of ", ""));
  chart(host.querySelector(".chart"), similarity, similarityChart);
}

function showArms(snapshot) {
  byId("arms-part").hidden = !snapshot.arms.length;
  refresh(byId("arms"), { arms: snapshot.arms, unit: snapshot.progress.unit }, armTable);
}

function showLatency(snapshot) {
  const arms = snapshot.arms.flatMap((arm, place) => latencyOf(arm, place));
  byId("latency-part").hidden = !arms.length;
  if (!arms.length) return;
  legend(byId("latency-legend"), legendOf(arms));
  chart(byId("latency"), arms, latencyChart);
}

function latencyOf(arm, place) {
  const { edges, counts } = arm.latency_histogram || { edges: [], counts: [] };
  const total = counts.reduce((sum, each) => sum + each, 0);
  if (!total) return [];
  const { p50, p95, n } = arm.latency_s;
  return [{ name: nameOf(arm), place, n, p50, p95, edges, shares: counts.map((each) => each / total) }];
}

function showCost(snapshot) {
  const arms = snapshot.arms.map((arm, place) => ({ name: nameOf(arm), place, cost: arm.cost_per_pass_usd, sum: arm.cost_usd, unpriced: arm.unpriced, passed: arm.passed }));
  byId("cost-part").hidden = !snapshot.arms.some((arm) => arm.n);
  refresh(byId("cost"), arms, costBars);
}

function costBars(arms) {
  const most = Math.max(...arms.map((arm) => arm.cost || 0));
  return [node("p", { class: "axis" }, "US dollars for one pass"), node("ul", { class: "bars" }, arms.map((arm) => costBar(arm, most, arms[0])))];
}

function costBar(arm, most, control) {
  const bar = node("div");
  bar.style.width = arm.cost ? `${(100 * arm.cost) / most}%` : "0";
  const compared = arm.place && arm.cost && control.cost ? `, ${ratio(arm.cost / control.cost)} of the control's` : "";
  const without = arm.unpriced ? `, ${whole(arm.unpriced)} replies without a price` : "";
  return node("li", { "data-arm": arm.place },
    node("div", { class: "bar-line" }, node("span", {}, arm.name), node("b", {}, arm.sum !== null && !arm.passed ? "no pass" : money(arm.cost))),
    arm.cost ? node("div", { class: "bar", "aria-hidden": "true" }, bar) : null,
    more(`${money(arm.sum)} in all${compared}${without}`));
}

function showWindows(snapshot) {
  byId("windows-part").hidden = !snapshot.windows.length;
  if (!snapshot.windows.length) return;
  const arms = snapshot.arms.map((arm, place) => ({ name: nameOf(arm), arm: arm.arm, place }));
  legend(byId("windows-legend"), legendOf(arms));
  const every = snapshot.windows[0].seconds;
  say(byId("requests-caption"), every === 60 ? "Requests a minute" : `Requests in ${whole(every)} s`);
  const draw = (id, name, unit, read) => chart(byId(id), timeLines(snapshot.windows, arms, name, unit, read), timeChart);
  draw("windows-requests", "Requests", "count", (figures) => figures.n);
  draw("windows-errors", "Share of errors", "share", (figures) => (figures.n ? figures.errors / figures.n : null));
  draw("windows-p95", "Latency, 95th percentile", "seconds", (figures) => figures.p95);
}

function timeLines(windows, arms, name, unit, read) {
  const times = windows.map((each) => Date.parse(each.at));
  const points = (arm) => windows.map((each, index) => [times[index], each.arms[arm] ? read(each.arms[arm]) : null]);
  return { name, unit, span: [times[0], times.at(-1)], lines: arms.map((each) => ({ ...each, points: points(each.arm) })) };
}

function showWorst(snapshot) {
  byId("worst-part").hidden = !snapshot.worst.length;
  const several = snapshot.comparisons.length > 1;
  keyed(byId("worst"), snapshot.worst, (each) => `${each.treatment}\n${each.id}`, makeWorst,
    (host, each) => refresh(host.firstChild, { each, several }, worstLine));
}

function makeWorst({ id }) {
  const button = node("button", { type: "button", "data-case": id });
  button.addEventListener("click", () => visitCase(id));
  return node("li", {}, button);
}

function worstLine({ each, several }) {
  const missed = Object.entries(each.passed).filter(([, passed]) => !passed).map(([arm]) => `${arm} misses`);
  return [node("span", { class: "score" }, unseen("similarity "), each.similarity === null ? NONE : score(each.similarity)),
    node("span", {}, node("span", { class: "name" }, each.name),
      node("span", { class: "tags" }, [...(several ? [each.treatment] : []), ...missed, ...each.flags].map((text) => node("span", { class: "tag" }, text)))),
    node("span", { class: "why" }, each.why)];
}

function showNotes(snapshot) {
  byId("notes-part").hidden = !snapshot.notes.length;
  refresh(byId("notes"), snapshot.notes, (notes) => notes.map((note) => node("li", {}, note)));
}

function announce(snapshot) {
  const verdicts = snapshot.comparisons.map((each) => `${each.treatment}: ${VERDICTS[each.verdict][1]}.`);
  say(byId("announcer"), [snapshot.state === "ended" ? "Ended." : "Running.", ...verdicts].join(" "));
}
