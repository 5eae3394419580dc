"""Words of captions that depend on what others published."""

from fewlabel.config.loading.load import load
from fewlabel.reporting.captions import study_facts
from helpers.experiments import config

PUBLISHED = [{"method": "UniMatch", "n": 1, "dice": 0.854, "source": "a repository"}]


def points(**change):
    made = config()
    experiment = load({**made, "cohorts": {"a": {**made["cohorts"]["a"], **change}}})
    return study_facts(experiment).get("published_of_label_curves")


def test_figure_3_says_whose_points_it_shows():
    assert points() is None
    assert "Dice that others published" in points(published=PUBLISHED)
    assert "Umapathy" not in points(published=PUBLISHED)
    assert "Umapathy" in points(published=PUBLISHED, stands_for="liver")
