"""The rule engine that a verdict and a grade share."""

from pytest_graysplit.verdict.rule_table import Remark, Rule, RuleTable


def rule_of(name):
    """A rule or a remark that yields the texts under a name of the evidence."""
    return lambda evidence: evidence.get(name, ())


TABLE = RuleTable(
    rules=(
        Rule(rule_of("broken"), "hold"),
        Rule(rule_of("harm"), "reject"),
        Rule(rule_of("missing"), "hold", ("hold", "reject")),
        Rule(rule_of("open"), "hold", ("hold",)),
    ),
    otherwise="promote",
    remarks=(Remark(rule_of("note"), ("promote", "reject")), Remark(rule_of("look"), ("hold",))),
)


def test_rule_table_decides_by_the_first_rule_with_a_reason():
    """Later rules do not change the decision."""
    assert TABLE.apply({"harm": ["worse"], "missing": ["three cases"]})[0] == "reject"
    assert TABLE.apply({"missing": ["three cases"], "open": ["latency"]})[0] == "hold"
    assert TABLE.apply({}) == ("promote", ())


def test_rule_table_adds_the_reasons_of_later_rules():
    """A rule that is added to no other decision yields its reasons only where it decides."""
    found = {"harm": ["worse"], "missing": ["three cases"], "open": ["latency"]}
    assert TABLE.apply(found) == ("reject", ("worse", "three cases"))
    assert TABLE.apply({**found, "broken": ["no split"]}) == ("hold", ("no split", "three cases", "latency"))


def test_rule_table_names_each_reason_once_and_remarks_last():
    """Two rules may find the same reason."""
    assert TABLE.apply({"harm": ["worse"], "missing": ["worse"], "note": ["but slow"], "look": ["look 1"]}) == (
        "reject",
        ("worse", "but slow"),
    )
    assert TABLE.apply({"open": ["latency"], "note": ["but slow"], "look": ["look 1"]}) == (
        "hold",
        ("latency", "look 1"),
    )
