// The two tables: the figures of each arm, and the comparison of two arms. Their numbers arrive as texts.

import { swatch } from "./charts.js";
import { node, smallLine } from "./dom.js";
import { intervalPlot } from "./plots.js";

const NONE = "-"; // a figure that is not known yet

export function armTable({ heads, lines }) {
  const head = node("tr", {}, node("td"), heads.map(armHead));
  return [
    node(
      "table",
      { class: "arms" },
      node("caption", { class: "unseen" }, "Figures of each model"),
      node("thead", {}, head),
      node("tbody", {}, lines.map(armLine)),
    ),
  ];
}

function armHead({ model, detail }, place) {
  return node("th", { scope: "col" }, swatch(place), model, smallLine(detail));
}

function armLine({ title, detail, strong, cells }) {
  const main = (text) => (strong && text !== NONE ? node("b", {}, text) : text);
  return node(
    "tr",
    {},
    node("th", { scope: "row" }, title, smallLine(detail)),
    cells.map(([text, ...details]) => node("td", {}, main(text), details.map(smallLine))),
  );
}

// Roles are written out, because some browsers drop those of a table that a narrow screen arranges differently.
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

function rowLine({ row, texts }) {
  const cell = (name, ...children) => node("td", { class: name, role: "cell" }, ...children);
  return node(
    "tr",
    { role: "row" },
    node(
      "th",
      { scope: "row", role: "rowheader" },
      row.label,
      row.critical ? [" ", node("span", { class: "tag" }, "decides")] : null,
      smallLine(texts.detail),
    ),
    cell("plot", intervalPlot(row)),
    cell("number estimate", texts.estimate, smallLine(texts.range)),
    cell("number limit", texts.bound),
    cell("state-cell", stateMark(row.state)),
  );
}

const STATES = { pass: ["✓", "pass"], fail: ["✕", "fail"], inconclusive: ["?", "inconclusive"] };

function stateMark(state) {
  const [sign, word] = STATES[state] || ["", "shown only"];
  return node(
    "span",
    { class: "held", "data-held": state || "shown" },
    sign ? node("span", { "aria-hidden": "true" }, sign) : null,
    word,
  );
}
