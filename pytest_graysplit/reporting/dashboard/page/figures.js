// The figures of the arms: the table, latencies, cost, and the course over time.

import { chart, legend } from "./charts.js";
import { byId, node, refresh, setText, smallLine } from "./dom.js";
import { latencyChart, timeChart } from "./plots.js";
import { armTable } from "./table.js";

// Each arm with its texts; its place decides its colour.
const armsOf = (snapshot) => snapshot.arms.map((arm, place) => ({ arm, place, ...snapshot.page.arms[place] }));
const legendOf = (arms) => arms.map(({ name, place }) => ({ name, place }));

export function showArms(snapshot) {
  byId("arms-part").hidden = !snapshot.arms.length;
  const heads = armsOf(snapshot).map(({ arm, head }) => ({ model: arm.model, detail: head }));
  refresh(byId("arms"), { heads, lines: snapshot.page.table }, armTable);
}

export function showLatency(snapshot) {
  const arms = armsOf(snapshot).flatMap(latencyOf);
  byId("latency-part").hidden = !arms.length;
  if (!arms.length) return;
  legend(byId("latency-legend"), legendOf(arms));
  chart(byId("latency"), { arms, text: snapshot.page.latency }, latencyChart);
}

function latencyOf({ arm, name, place }) {
  const { edges, counts } = arm.latency_histogram || { edges: [], counts: [] };
  const total = counts.reduce((sum, each) => sum + each, 0);
  return total ? [{ name, place, edges, shares: counts.map((each) => each / total) }] : [];
}

export function showCost(snapshot) {
  const arms = armsOf(snapshot).map(({ arm, name, place, cost }) => ({
    name,
    place,
    texts: cost,
    perPass: arm.cost_per_pass_usd,
  }));
  byId("cost-part").hidden = !snapshot.arms.some((arm) => arm.n);
  refresh(byId("cost"), arms, costBars);
}

function costBars(arms) {
  const most = Math.max(...arms.map((arm) => arm.perPass || 0));
  return [
    node("p", { class: "axis" }, "US dollars per pass"),
    node(
      "ul",
      { class: "bars" },
      arms.map((arm) => costBar(arm, most)),
    ),
  ];
}

function costBar({ name, place, texts, perPass }, most) {
  const bar = node("div");
  bar.style.width = perPass ? `${(100 * perPass) / most}%` : "0";
  return node(
    "li",
    { "data-arm": place },
    node("div", { class: "bar-line" }, node("span", {}, name), node("b", {}, texts.per_pass)),
    perPass ? node("div", { class: "bar", "aria-hidden": "true" }, bar) : null,
    smallLine(texts.detail),
  );
}

export function showWindows(snapshot) {
  byId("windows-part").hidden = !snapshot.windows.length;
  if (!snapshot.windows.length) return;
  const arms = armsOf(snapshot);
  const texts = snapshot.page.windows;
  legend(byId("windows-legend"), legendOf(arms));
  setText(byId("requests-caption"), texts.caption);
  const draw = (id, text, unit, read) => chart(byId(id), timeLines(snapshot.windows, arms, text, unit, read), timeChart);
  draw("windows-requests", texts.requests, "count", (figures) => figures.n);
  draw("windows-errors", texts.errors, "share", (figures) => (figures.n ? figures.errors / figures.n : null));
  draw("windows-p95", texts.p95, "seconds", (figures) => figures.p95);
}

function timeLines(windows, arms, text, unit, read) {
  const times = windows.map((each) => Date.parse(each.at));
  const points = (name) => windows.map(({ arms: each }, index) => [times[index], each[name] ? read(each[name]) : null]);
  return {
    text,
    unit,
    span: [times[0], times.at(-1)],
    lines: arms.map(({ arm, place }) => ({ place, points: points(arm.arm) })),
  };
}
