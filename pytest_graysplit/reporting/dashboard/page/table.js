// The two tables: figures of each arm, and what a comparison of two arms comes to.

import { swatch } from "./charts.js";
import { more, node } from "./dom.js";
import { count, limit, measure, money, NONE, plural, score, seconds, share, SUFFIX, whole } from "./numbers.js";
import { intervalPlot } from "./plots.js";

export function armTable({ arms, unit }) {
  const head = node(
    "thead",
    {},
    node(
      "tr",
      {},
      node("td"),
      arms.map((arm, place) => node("th", { scope: "col" }, armHead(arm, place))),
    ),
  );
  const lines = ARM_LINES.filter((each) => !each.wanted || arms.some(each.wanted));
  const body = lines.map((each) =>
    node(
      "tr",
      {},
      node("th", { scope: "row" }, titleCell(each, unit)),
      arms.map((arm) => node("td", {}, [each.cell(arm, unit)].flat())),
    ),
  );
  return [
    node(
      "table",
      { class: "arms" },
      node("caption", { class: "unseen" }, "Figures of each model"),
      head,
      node("tbody", {}, body),
    ),
  ];
}

function titleCell({ title, detail }, unit) {
  return [typeof title === "function" ? title(unit) : title, more(detail)];
}

function armHead(arm, place) {
  const weight = arm.weight === null ? "" : `, ${Number((100 * arm.weight).toPrecision(6))}% of traffic`;
  const twin = arm.role === "treatment" && arm.arm !== arm.model ? ` ${arm.arm}` : "";
  return [swatch(place), arm.model, more(`${arm.role}${twin}${weight}`)];
}

const ARM_LINES = [
  { title: (unit) => (unit === "cases" ? "Cases" : "Requests"), cell: (arm) => [whole(arm.n), more(unitsOf(arm))] },
  { title: "Pass rate", detail: "95% CI", cell: passCell },
  {
    title: "Latency p50",
    cell: (arm) => [seconds(arm.latency_s.p50), more(arm.latency_s.n === arm.n ? "" : `of ${whole(arm.latency_s.n)}`)],
  },
  { title: "p95", cell: (arm) => seconds(arm.latency_s.p95) },
  { title: "p99", cell: (arm) => seconds(arm.latency_s.p99), wanted: (arm) => arm.latency_s.p99 !== null },
  { title: "Errors", cell: errorCell },
  {
    title: "Fallbacks",
    cell: (arm) => (arm.fallbacks === null ? NONE : whole(arm.fallbacks)),
    wanted: (arm) => arm.fallbacks !== null,
  },
  { title: "Tokens in / out", cell: tokenCell },
  { title: "Cost", cell: costCell },
  { title: "Cost per pass", cell: perPass },
  { title: "Feedback", cell: feedbackCell, wanted: (arm) => arm.feedback !== null },
];

function perPass(arm) {
  if (!arm.n) return NONE;
  return arm.cost_usd !== null && !arm.passed ? "no pass" : money(arm.cost_per_pass_usd);
}

function unitsOf(arm) {
  return arm.units === null || arm.units === arm.n ? "" : `${plural(arm.units, "unit")}`;
}

function passCell(arm) {
  if (!arm.n || arm.pass_rate === null) return NONE;
  const [low, high] = arm.pass_rate_ci || [];
  return [
    node("b", {}, `${share(arm.pass_rate)}%`),
    more(`${whole(arm.passed)} of ${whole(arm.n)}`),
    arm.pass_rate_ci ? more(`${share(low)} .. ${share(high)}`) : null,
  ];
}

// How many answers have come, errors included; their cases may be judged later.
function answered(arm) {
  return Object.values(arm.outcomes).reduce((sum, times) => sum + times, 0);
}

function errorCell(arm) {
  const others = Object.entries(arm.outcomes).filter(([name]) => name !== "ok" && name !== "error");
  const kinds = [...Object.entries(arm.error_classes), ...others]
    .filter(([, times]) => times)
    .sort((one, other) => other[1] - one[1]);
  const named = kinds.slice(0, 5).map(([name, times]) => `${name} ${whole(times)}`);
  const answers = answered(arm);
  return [
    answers ? `${whole(arm.errors)} of ${whole(answers)}` : NONE,
    more(arm.errors ? `${share(arm.errors / answers)}%` : ""),
    ...named.map(more),
    more(kinds.length > 5 ? `and ${kinds.length - 5} kinds more` : ""),
  ];
}

function tokenCell(arm) {
  const { prompt, completion, cached } = arm.tokens;
  if (!prompt && !completion) return arm.n ? "unknown" : NONE;
  return [`${count(prompt)} / ${count(completion)}`, more(cached ? `${count(cached)} cached` : "")];
}

function costCell(arm) {
  return [answered(arm) ? money(arm.cost_usd) : NONE, more(arm.unpriced ? `${whole(arm.unpriced)} without a price` : "")];
}

function feedbackCell(arm) {
  if (!arm.feedback || !arm.feedback.n) return NONE;
  return [arm.feedback.mean === null ? "unknown" : score(arm.feedback.mean), more(`of ${whole(arm.feedback.n)}`)];
}

// Roles are written out, because a table that a narrow screen lays out anew loses its own in some browsers.
export function rowTable({ rows, treatment }) {
  const titles = [
    ["", "Measure"],
    ["plot", "Interval"],
    ["number", "Estimate (range)"],
    ["number", "Bound"],
    ["state-head", "Result"],
  ];
  const head = titles.map(([name, title]) => node("th", { class: name, scope: "col", role: "columnheader" }, title));
  return [
    node(
      "table",
      { class: "rows", role: "table" },
      node("caption", { class: "unseen" }, `${treatment} compared with the control`),
      node("thead", { role: "rowgroup" }, node("tr", { role: "row" }, head)),
      node("tbody", { role: "rowgroup" }, rows.map(rowLine)),
    ),
    node(
      "p",
      { class: "axis key" },
      "Dot and bar: estimate with its range. Dashed line: the bound. Thin line: no difference.",
    ),
  ];
}

function rowLine(row) {
  const cell = (name, ...children) => node("td", { class: name, role: "cell" }, ...children);
  return node(
    "tr",
    { role: "row" },
    node(
      "th",
      { scope: "row", role: "rowheader" },
      row.label,
      row.critical ? [" ", node("span", { class: "tag" }, "decides")] : null,
      more(`n ${whole(row.n)}, ${row.method}`),
    ),
    cell("plot", intervalPlot(row)),
    cell("number estimate", ...estimateText(row)),
    cell("number limit", limit(row.bound, row.unit)),
    cell("state-cell", heldMark(row.state)),
  );
}

function estimateText(row) {
  if (row.estimate === null) return [row.state === "fail" ? "the control is free" : "not enough data"];
  const [low, high] = [measure(row.low, row.unit, row.bound), measure(row.high, row.unit, row.bound)];
  const range = low || high ? `${low || "no bound"} .. ${high || "no bound"}` : "";
  return [`${measure(row.estimate, row.unit, row.bound)}${SUFFIX[row.unit] || ""}`, more(range)];
}

const HELD = { pass: ["✓", "pass"], fail: ["✕", "fail"], inconclusive: ["?", "inconclusive"] };

function heldMark(state) {
  const [sign, word] = HELD[state] || ["", "shown only"];
  return node(
    "span",
    { class: "held", "data-held": state || "shown" },
    sign ? node("span", { "aria-hidden": "true" }, sign) : null,
    word,
  );
}
