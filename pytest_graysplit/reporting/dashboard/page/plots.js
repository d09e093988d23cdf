// The charts: the interval of a row, latencies, similarities, and the course over time.

import { canvas, heightAxis, label, line, linear, logarithmic, logTicks, steps, ticks } from "./charts.js";
import { svgNode } from "./dom.js";
import { writeCount, writeMoment, writeSeconds, writeShare, writeWhole } from "./numbers.js";

// An interval on its own scale, stretched to the width of its cell. Strokes keep their size when they are stretched, so
// the dot is a stroke of no length. The cells beside it have the same figures as text.
export function intervalPlot(row) {
  const [width, middle] = [300, 14];
  const same = row.unit === "ratio" ? 1 : 0;
  const marks = [same, row.low, row.high, row.estimate, row.bound].filter((mark) => mark !== null);
  const bend = row.unit === "ratio" && marks.every((mark) => mark > 0) ? Math.log : (mark) => mark;
  const bent = marks.map(bend);
  const x = linear([Math.min(...bent), Math.max(...bent)], [14, width - 14]);
  const at = (mark) => x(bend(mark));
  return svgNode(
    "svg",
    {
      viewBox: `0 0 ${width} 28`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
      "data-held": row.state || "shown",
    },
    line(0, middle, width, middle, "base"),
    line(at(same), 5, at(same), 23, "same"),
    row.bound === null ? null : line(at(row.bound), 2, at(row.bound), 26, "bound"),
    ...intervalMarks(row, at, width, middle),
  );
}

function intervalMarks(row, at, width, middle) {
  if (row.estimate === null) return [];
  // A range with an unknown end reaches to the edge, without a cap.
  const [left, right] = [row.low === null ? 0 : at(row.low), row.high === null ? width : at(row.high)];
  const cap = (place) => line(place, middle - 5, place, middle + 5, "range");
  return [
    line(left, middle, right, middle, "range"),
    row.low === null ? null : cap(left),
    row.high === null ? null : cap(right),
    svgNode("path", { d: `M${at(row.estimate)},${middle}h0`, class: "point" }),
  ];
}

export function latencyChart({ arms, text }, width) {
  const [left, right, top, bottom] = [38, width - 10, 8, 150];
  const { low, high } = latencyRange(arms);
  const scale = low > 0 && high / low > 20 ? logarithmic : linear;
  const x = scale([low, high], [left, right]);
  const tallest = Math.max(...arms.flatMap((arm) => arm.shares));
  const y = linear([0, tallest], [bottom, top]);
  const places = (scale === logarithmic ? logTicks : ticks)(low, high, Math.max(3, Math.floor(width / 90)));
  return canvas(
    width,
    176,
    text,
    heightAxis(y, ticks(0, tallest, 3), left, right, (value) => `${Math.round(100 * value)}%`),
    places.map((value) => label(x(value), bottom + 18, "middle", writeSeconds(value))),
    arms.map((arm) => latencyLine(arm, x, y)),
  );
}

function latencyLine({ place, edges, shares }, x, y) {
  const [first, after] = [shares.findIndex(Boolean), shares.findLastIndex(Boolean) + 1];
  const path = steps(edges.slice(first, after + 1), shares.slice(first, after), x, y);
  return svgNode(
    "g",
    { "data-arm": place },
    place ? null : svgNode("path", { class: "area", d: path }),
    svgNode("path", { class: "curve", d: path }),
  );
}

// The range from the first bin with a reply to the last one, over all arms.
function latencyRange(arms) {
  const used = arms.flatMap((arm) =>
    arm.shares.flatMap((height, bin) => (height ? [arm.edges[bin], arm.edges[bin + 1]] : [])),
  );
  return { low: Math.min(...used), high: Math.max(...used) };
}

export function similarityChart(similarity, width) {
  const [left, right, top, bottom] = [32, width - 8, 22, 130];
  const { edges, counts, threshold, texts } = similarity;
  const x = linear([edges[0], edges[edges.length - 1]], [left, right]);
  const tallest = Math.max(...counts, 1);
  const y = linear([0, tallest], [bottom, top]);
  return canvas(
    width,
    154,
    `Similarity of ${texts.text}`,
    heightAxis(y, ticks(0, tallest, 3).filter(Number.isInteger), left, right, writeWhole),
    ticks(edges[0], edges[edges.length - 1], 5).map((value) =>
      label(x(value), bottom + 18, "middle", value.toFixed(1)),
    ),
    counts.map((height, bin) =>
      svgNode("rect", {
        class: threshold !== null && edges[bin + 1] <= threshold + 1e-9 ? "column below" : "column",
        x: x(edges[bin]) + 0.5,
        width: Math.max(0.5, x(edges[bin + 1]) - x(edges[bin]) - 1),
        y: y(height),
        height: bottom - y(height),
      }),
    ),
    threshold === null ? null : thresholdLine(x(threshold), texts.threshold, bottom, (left + right) / 2),
  );
}

function thresholdLine(place, text, bottom, middle) {
  const side = place > middle ? "end" : "start";
  return [
    line(place, 4, place, bottom, "bound"),
    label(place + (side === "end" ? -6 : 6), 12, side, text),
  ];
}

// One line per arm: points are [moment, value], and a value of null leaves a gap.
export function timeChart({ text, unit, span, lines }, width) {
  const [left, right, top, bottom] = [46, width - 8, 8, 96];
  const values = lines.flatMap((each) => each.points.map(([, value]) => value)).filter((value) => value !== null);
  const tallest = Math.max(...values, unit === "count" ? 1 : 0.001);
  const x = linear(span[0] === span[1] ? [span[0] - 1, span[1] + 1] : span, [left, right]);
  const y = linear([0, tallest], [bottom, top]);
  const write = { count: writeCount, share: writeShare, seconds: writeSeconds }[unit];
  const places = ticks(0, tallest, 2).filter((value) => unit !== "count" || Number.isInteger(value));
  return canvas(
    width,
    122,
    text,
    heightAxis(y, places, left, right, (value) => (value ? write(value) : "0")),
    timeLabels(span, left, right, bottom + 18),
    lines.map((each) => timeLine(each, x, y)),
  );
}

function timeLabels([first, last], left, right, below) {
  if (first === last) return label((left + right) / 2, below, "middle", writeMoment(first));
  return [label(left, below, "start", writeMoment(first)), label(right, below, "end", writeMoment(last))];
}

function timeLine({ place, points }, x, y) {
  let pen = "M";
  const path = points.map(([at, value]) => {
    const piece = value === null ? "" : `${pen}${x(at)},${y(value)}`;
    pen = value === null ? "M" : "L";
    return piece;
  });
  const last = points.filter(([, value]) => value !== null).at(-1);
  return svgNode(
    "g",
    { "data-arm": place },
    svgNode("path", { class: "curve", d: path.join("") }),
    last ? svgNode("circle", { class: "dot", cx: x(last[0]), cy: y(last[1]), r: 2.5 }) : null,
  );
}
