// The verdicts: the answer for each treatment, its reasons, and the evidence of each row.

import { chart } from "./charts.js";
import { byId, node, refresh, setText, updateList } from "./dom.js";
import { similarityChart } from "./plots.js";
import { rowTable } from "./table.js";

export const VERDICTS = {
  promote: ["✓", "Promote"],
  hold: ["‖", "Hold"],
  reject: ["✕", "Reject"],
  collecting: ["○", "Collecting"],
};

export function showVerdicts(snapshot) {
  const control = snapshot.arms.find((arm) => arm.role === "control");
  const comparisons = snapshot.comparisons.map((each, place) => ({ ...each, texts: snapshot.page.comparisons[place] }));
  updateList(
    byId("verdicts"),
    comparisons,
    (each) => each.treatment,
    makeTreatment,
    (host, each) => fillTreatment(host, each, control ? control.model : "the control"),
  );
}

function makeTreatment({ treatment }) {
  const aside = node(
    "section",
    { class: "similarity", hidden: true },
    node("h3", {}, "Similarity"),
    node("p", { class: "axis" }),
    node("div", { class: "chart" }),
  );
  return node(
    "article",
    { class: "treatment", "aria-label": treatment },
    node("div", { class: "verdict" }),
    node("div", { class: "evidence" }, node("div", { class: "row-host" }), aside),
  );
}

function fillTreatment(host, { treatment, verdict, reasons, rows, similarity, texts }, control) {
  host.dataset.verdict = verdict;
  refresh(host.querySelector(".verdict"), { treatment, verdict, reasons, control }, verdictBox);
  const evidence = { treatment, rows: rows.map((row, place) => ({ row, texts: texts.rows[place] })) };
  refresh(host.querySelector(".row-host"), evidence, (value) => (value.rows.length ? rowTable(value) : []));
  host.querySelector(".evidence").hidden = !rows.length && !similarity;
  fillSimilarity(host.querySelector(".similarity"), similarity, texts.similarity);
}

function verdictBox({ treatment, verdict, reasons, control }) {
  const [sign, word] = VERDICTS[verdict];
  return [
    node("h2", {}, "May ", node("b", {}, treatment), " replace ", node("b", {}, control), "?"),
    node("p", { class: "verdict-word" }, node("span", { class: "verdict-sign", "aria-hidden": "true" }, sign), word),
    node(
      "ul",
      { class: "reasons" },
      reasons.map((reason) => node("li", {}, reason)),
    ),
  ];
}

function fillSimilarity(host, similarity, texts) {
  host.hidden = !similarity || !similarity.n;
  if (host.hidden) return;
  setText(host.querySelector(".axis"), texts.text);
  chart(host.querySelector(".chart"), { ...similarity, texts }, similarityChart);
}
