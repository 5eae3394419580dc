"""The end of a run names what there is, the results page first."""

from fewlabel.operations.hooks.finished import finished


def test_what_exists_is_named_and_the_results_page_comes_first(tmp_path):
    for name in ("explorer.html", "index.html"):
        (tmp_path / name).touch()
    (tmp_path / "tables").mkdir()
    lines = finished(tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == [
        str(tmp_path / name) for name in ("index.html", "explorer.html", "tables")
    ]
    assert lines[0].endswith("results, on one page")


def test_a_run_that_left_nothing_for_readers_names_nothing(tmp_path):
    assert finished(tmp_path) == ""
