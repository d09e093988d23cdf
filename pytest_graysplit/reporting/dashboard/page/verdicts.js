// The verdicts: what is answered, why, and the evidence of each row.

import { chart } from "./charts.js";
import { byId, keyed, node, refresh, setText } from "./dom.js";
import { similarityChart, similarityText } from "./plots.js";
import { rowTable } from "./table.js";

export const VERDICTS = {
  promote: ["✓", "Promote"],
  hold: ["‖", "Hold"],
  reject: ["✕", "Reject"],
  collecting: ["○", "Collecting"],
};

const controlOf = (snapshot) => snapshot.arms.find((arm) => arm.role === "control");

export function showVerdicts(snapshot) {
  const control = controlOf(snapshot);
  keyed(
    byId("verdicts"),
    snapshot.comparisons,
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

function fillSimilarity(host, similarity) {
  host.hidden = !similarity || !similarity.n;
  if (host.hidden) return;
  setText(host.querySelector(".axis"), similarityText(similarity).replace("Similarity of ", ""));
  chart(host.querySelector(".chart"), similarity, similarityChart);
}
