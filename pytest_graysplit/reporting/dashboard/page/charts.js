// Charts are drawn at the width of their host, so that letters keep their size, and again when the width changes.

import { hasChanged, node, refresh, svgNode } from "./dom.js";

const drawings = new WeakMap();
const observer = new ResizeObserver((entries) => entries.forEach((entry) => redraw(entry.target)));

export function chart(host, value, draw) {
  if (!hasChanged(host, value)) return;
  drawings.set(host, { value, draw, width: 0 });
  observer.observe(host);
  redraw(host);
}

function redraw(host) {
  const drawing = drawings.get(host);
  const width = Math.round(host.clientWidth);
  if (!width || width === drawing.width) return;
  drawing.width = width;
  host.replaceChildren(drawing.draw(drawing.value, width));
}

export function canvas(width, height, label, ...children) {
  return svgNode(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...children,
  );
}

export const line = (x1, y1, x2, y2, name) => svgNode("line", { x1, y1, x2, y2, class: name });
export const label = (x, y, anchor, text) => svgNode("text", { x, y, "text-anchor": anchor }, text);

export function linear([low, high], [from, to]) {
  return (value) => from + ((value - low) / (high - low || 1)) * (to - from);
}

export function logarithmic([low, high], range) {
  const scale = linear([Math.log(low), Math.log(high)], range);
  return (value) => scale(Math.log(Math.max(value, low)));
}

// Round values within a range; their number is about `wanted`.
export function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

export function logTicks(low, high, wanted) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** power);
  }
  const inside = all.filter((value) => value >= low * 0.999 && value <= high * 1.001);
  const step = Math.ceil(inside.length / wanted);
  return inside.filter((_, index) => index % step === 0);
}

export function heightAxis(scale, values, left, right, write) {
  return values.map((value) => [
    line(left, scale(value), right, scale(value), value ? "grid" : "base"),
    label(left - 6, scale(value) + 4, "end", write(value)),
  ]);
}

export function steps(edges, heights, x, y) {
  const path = [`M${x(edges[0])},${y(0)}`];
  heights.forEach((height, bin) => path.push(`L${x(edges[bin])},${y(height)}`, `L${x(edges[bin + 1])},${y(height)}`));
  return [...path, `L${x(edges[edges.length - 1])},${y(0)}`].join("");
}

export function legend(host, arms) {
  refresh(host, arms, () => arms.map(({ name, place }) => node("li", {}, swatch(place), name)));
}

export function swatch(place) {
  return svgNode(
    "svg",
    { class: "swatch", viewBox: "0 0 20 10", "data-arm": place, "aria-hidden": "true" },
    place ? null : svgNode("rect", { class: "area", width: 20, height: 10 }),
    line(0, 5, 20, 5, "curve"),
  );
}
