"""Cases with `json_fields`, from recorded answers to each report; and no promotion without a field that was compared."""

import json
import xml.etree.ElementTree as ET

from pytest_graysplit.formatting.escaping import on_one_line

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
RULES = {"total": {"mode": "number", "tolerance": 0.01}, "why": "lexical", "note": "ignore"}
RIGHT = {"order": 1, "total": 21.5, "items": [{"sku": "A"}], "why": "It was late.", "note": "x"}
WRONG = {"order": 2, "total": "21.50 EUR", "items": [{"sku": "B"}], "why": "It was late!", "note": "y"}


def write_cases(project, *cases, name="case"):
    """Write a case file, and record each model's answer to each case."""
    rows = []
    for number, (control, treatment, fields) in enumerate(cases):
        rows.append({"id": f"{name}-{number}", "prompt": f"Which order? {number}", **fields})
        for model, answer in ((CONTROL, control), (TREATMENT, treatment)):
            text = answer if isinstance(answer, str) else json.dumps(answer)
            project.record(f"{name}-{number}", f"Which order? {number}", file="orders", model=model, text=text)
    project.write("orders.graysplit.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))


def test_fields_are_shown_in_every_report(project):
    """Two of four fields differ: one case misses its threshold, the other its expected values."""
    expected = {"order": 1, "items": [{"sku": "B"}], "note": "z"}
    write_cases(
        project,
        (RIGHT, WRONG, {"json_fields": RULES, "min_similarity": 0.9}),
        (RIGHT, WRONG, {"json_fields": RULES, "expect": {"json": expected}}),
    )
    result = project.run("--graysplit-json=report.json", "--junit-xml=junit.xml", "--graysplit-gate=none")
    shown = [on_one_line(line.rstrip()) for line in result.outlines]
    assert "  fields        most failing of claude-sonnet-4.5: items[].sku 1" in shown
    assert "  fields        most failing of deepseek-v3.2: items[].sku 2 and order 2" in shown
    first, second = project.report()["cases"]
    assert (first["json_fields"], first["similarity"]) == (RULES, {TREATMENT: 0.5})
    [miss] = first["misses"][TREATMENT]
    assert miss["problem"] == (
        "treatment deepseek-v3.2: json_fields similarity 0.50 is below 0.9: order and items[].sku differ"
    )
    assert first["comparisons"][TREATMENT]["fields"] == [
        {"path": "order", "field": "order", "problem": "1 became 2"},
        {"path": "items[0].sku", "field": "items[].sku", "problem": '"A" became "B"'},
    ]
    checks = {arm: [miss["check"] for miss in misses] for arm, misses in second["misses"].items()}
    assert checks == {"control": ["json_fields.items[].sku"], TREATMENT: ["json_fields.order"]}
    assert project.report()["comparisons"][0]["fields"] == {
        "control": {"items[].sku": 1},
        TREATMENT: {"items[].sku": 2, "order": 2},
    }
    found = ET.parse(project.path / "junit.xml").getroot().iter("property")
    assert [one.get("value") for one in found if one.get("name") == "graysplit_fields"] == ["order, items[].sku"] * 2


def test_failure_shows_the_fields(project):
    """Each with both values, below the similarity."""
    write_cases(project, (RIGHT, WRONG, {"json_fields": RULES, "min_similarity": 0.9}))
    text = project.run().stdout.str()
    assert "  field      order: 1 became 2\n" in text
    assert '  field      items[0].sku: "A" became "B"\n' in text


def test_nothing_compared_is_never_promoted(project):
    """All fields ignored, and rules without a threshold, assert nothing; no JSON on both sides is a miss of both."""
    ignored = {"json_fields": {"note": "ignore"}, "min_similarity": 0.5}
    kinds = {
        "ignored": ({"note": 1}, {"note": 1}, ignored, False, True),
        "words": ("Sure!", "Sure!", {"json_fields": {"a": "exact"}, "min_similarity": 0.5}, True, False),
        "open": ({"a": 1}, {"a": 1}, {"json_fields": {"a": "exact"}}, False, True),
    }
    for name, (control, treatment, fields, asserted, passed) in kinds.items():
        write_cases(project, *[(control, treatment, fields)] * (30 if name == "ignored" else 2), name=name)
        project.run("--graysplit-json=report.json", "-q")
        report = project.report()
        assert report["comparisons"][0]["verdict"] == "hold", name
        assert {case["asserted"] for case in report["cases"]} == {asserted}, name
        assert {share for case in report["cases"] for share in case["passed"].values()} == {passed}, name


def test_relay_vectors_are_refused_for_fields(project):
    """Before anything is sent, with the way out."""
    write_cases(project, (RIGHT, RIGHT, {"json_fields": {"why": "semantic"}}))
    project.write("pyproject.toml", '[tool.graysplit.semantic]\nmodel = "text-embedding-3-small"\n')
    text = project.run().stdout.str()
    assert "json_fields: a semantic field needs the local model, and [tool.graysplit.semantic] names another" in text
