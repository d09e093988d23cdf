// The figures of the arms: the table, how long they took, what they cost, and how it went over time.

import { chart, legend } from "./charts.js";
import { byId, more, node, refresh, setText } from "./dom.js";
import { money, ratio, whole } from "./numbers.js";
import { latencyChart, timeChart } from "./plots.js";
import { armTable } from "./table.js";

const legendOf = (arms) => arms.map(({ name, place }) => ({ name, place }));
const nameOf = (arm) => (arm.role === "control" ? `${arm.model} (control)` : arm.arm);

export function showArms(snapshot) {
  byId("arms-part").hidden = !snapshot.arms.length;
  refresh(byId("arms"), { arms: snapshot.arms, unit: snapshot.progress.unit }, armTable);
}

export function showLatency(snapshot) {
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

export function showCost(snapshot) {
  const arms = snapshot.arms.map((arm, place) => ({
    name: nameOf(arm),
    place,
    cost: arm.cost_per_pass_usd,
    sum: arm.cost_usd,
    unpriced: arm.unpriced,
    passed: arm.passed,
  }));
  byId("cost-part").hidden = !snapshot.arms.some((arm) => arm.n);
  refresh(byId("cost"), arms, costBars);
}

function costBars(arms) {
  const most = Math.max(...arms.map((arm) => arm.cost || 0));
  return [
    node("p", { class: "axis" }, "US dollars for one pass"),
    node(
      "ul",
      { class: "bars" },
      arms.map((arm) => costBar(arm, most, arms[0])),
    ),
  ];
}

function costBar(arm, most, control) {
  const bar = node("div");
  bar.style.width = arm.cost ? `${(100 * arm.cost) / most}%` : "0";
  const compared = arm.place && arm.cost && control.cost ? `, ${ratio(arm.cost / control.cost)} of the control's` : "";
  const without = arm.unpriced ? `, ${whole(arm.unpriced)} replies without a price` : "";
  return node(
    "li",
    { "data-arm": arm.place },
    node(
      "div",
      { class: "bar-line" },
      node("span", {}, arm.name),
      node("b", {}, arm.sum !== null && !arm.passed ? "no pass" : money(arm.cost)),
    ),
    arm.cost ? node("div", { class: "bar", "aria-hidden": "true" }, bar) : null,
    more(`${money(arm.sum)} in all${compared}${without}`),
  );
}

export function showWindows(snapshot) {
  byId("windows-part").hidden = !snapshot.windows.length;
  if (!snapshot.windows.length) return;
  const arms = snapshot.arms.map((arm, place) => ({ name: nameOf(arm), arm: arm.arm, place }));
  legend(byId("windows-legend"), legendOf(arms));
  const every = snapshot.windows[0].seconds;
  setText(byId("requests-caption"), every === 60 ? "Requests a minute" : `Requests in ${whole(every)} s`);
  const draw = (id, name, unit, read) =>
    chart(byId(id), timeLines(snapshot.windows, arms, name, unit, read), timeChart);
  draw("windows-requests", "Requests", "count", (figures) => figures.n);
  draw("windows-errors", "Share of errors", "share", (figures) => (figures.n ? figures.errors / figures.n : null));
  draw("windows-p95", "Latency, 95th percentile", "seconds", (figures) => figures.p95);
}

function timeLines(windows, arms, name, unit, read) {
  const times = windows.map((each) => Date.parse(each.at));
  const points = (arm) => windows.map((each, index) => [times[index], each.arms[arm] ? read(each.arms[arm]) : null]);
  return {
    name,
    unit,
    span: [times[0], times.at(-1)],
    lines: arms.map((each) => ({ ...each, points: points(each.arm) })),
  };
}
