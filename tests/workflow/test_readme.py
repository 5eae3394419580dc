"""What the README says of the workflow holds."""

import importlib.util

from helpers.studies import ROOT


def rule_graph():
    spec = importlib.util.spec_from_file_location("rule_graph", ROOT / "docs" / "rule_graph.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_rule_graph_is_the_workflows():
    made = rule_graph()
    shown = made.BLOCK.search((ROOT / "README.md").read_text())
    assert shown, "README.md shows no mermaid graph"
    assert shown[0] == made.mermaid(made.reduced(made.workflow_graph())), "make readme writes it anew"


def test_an_arrow_that_follows_from_others_is_left_out():
    graph = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert rule_graph().reduced(graph) == {"a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set()}
