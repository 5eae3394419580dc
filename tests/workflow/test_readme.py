"""What the README says of the workflow holds."""

import importlib.util

import pytest

from fewlabel.config.jobs.figures.registry import report_items
from fewlabel.config.loading.load import load_files
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


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_every_figure_and_table_of_the_default_experiment_is_on_the_page(page):
    text = (ROOT / page).read_text()
    items = report_items(load_files([ROOT / "config.yaml"]))
    assert [item.stem for item in items if item.stem not in text] == []
