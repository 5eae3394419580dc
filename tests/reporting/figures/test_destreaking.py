"""Measures of de-streaking methods as table and figure, against numbers by hand."""

import numpy as np
import pandas as pd
import pytest

from fewlabel.reporting.figures.destreaking import FAINTEST, PANELS, destreaking_figure
from fewlabel.reporting.tables.destreaking import destreaking_table
from fewlabel.reporting.tables.destreaking_measures import TITLES, read_images, read_measures, save_measures
from fewlabel.reporting.tables.formats import as_markdown
from fewlabel.utils import recorded_hashes
from fewlabel.utils.errors import InputError
from helpers.destreaking_results import SETTINGS, images, rows


def test_the_table_has_means_and_ranges_of_what_is_removed():
    table = destreaking_table(rows(), SETTINGS)
    row = table.rows.set_index(["streaks", "method"]).loc[(4, "remove_coils")]
    # Energies of 0.1 and 0.2 are left: 90 and 80 % are removed.
    assert (row["streak_energy_removed"], row["streak_energy_removed_least"]) == (
        pytest.approx(0.85),
        pytest.approx(0.8),
    )
    assert (row["snr"], row["snr_least"], row["snr_most"], row["subjects"]) == (15, 10, 20, 2)
    assert [section.title for section in table.sections] == [
        "Arms' signal 1 times the liver's",
        "Arms' signal 4 times the liver's",
    ]
    text = as_markdown(table)
    assert "85.0 (80.0 to 90.0)" in text and "15.0 (10.0 to 20.0)" in text and "2 phantoms of 4 mm pixels" in text
    assert "-0.0" not in text


def test_measures_and_images_come_back(tmp_path):
    csv, arrays = tmp_path / "destreaking.csv", tmp_path / "destreaking.safetensors"
    save_measures(rows(), images(), csv, arrays)
    pd.testing.assert_frame_equal(read_measures(csv), rows(), check_dtype=False)
    again = read_images(arrays)
    # The brightest is 1; half precision.
    assert {name: float(image.max()) for name, image in again.items()} == pytest.approx(
        {name: float(image.max()) / 8 for name, image in images().items()}, abs=1e-3
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="snr"), "accepted: columns subject, streaks"),
        (lambda table: table[:0], "no rows"),
        (lambda table: table.assign(snr=[*table["snr"][:-1], np.nan]), "line 25: no finite number"),
        (lambda table: table[table["method"] != "bstar"], "no bstar at 1"),
    ],
)
def test_other_tables_are_refused(change, message, tmp_path):
    change(rows()).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_measures(tmp_path / "table.csv")


def test_other_images_are_refused(tmp_path):
    csv, arrays = tmp_path / "destreaking.csv", tmp_path / "destreaking.safetensors"
    with pytest.raises(InputError, match="not a safetensors file"):
        read_images(arrays)
    save_measures(rows(), images(), csv, arrays)
    arrays.write_bytes(arrays.read_bytes()[:-8])
    with pytest.raises(InputError, match="was changed after it was made"):
        read_images(arrays)
    recorded_hashes.forget_hash(arrays)
    with pytest.raises(InputError, match="not a safetensors file"):
        read_images(arrays)
    save_measures(rows(), {name: each for name, each in images().items() if name != "bstar"}, csv, arrays)
    with pytest.raises(InputError, match="no image bstar"):
        read_images(arrays)
    save_measures(rows(), {**images(), "bstar": np.ones((3, 4), np.float32)}, csv, arrays)
    with pytest.raises(InputError, match=r"bstar \(3, 4\)"):
        read_images(arrays)


def test_the_figure_draws_means_over_subjects_and_the_images():
    figure = destreaking_figure(rows(), images(), SETTINGS)
    above, below = figure.subfigs
    assert len(above.axes) == 2 * (1 + len(TITLES))
    panels = {axes.get_title(loc="left"): axes for axes in below.axes}
    lines = {line.get_label(): line for line in panels[PANELS["streak_energy"]].get_lines()}
    assert lines["coils removed"].get_ydata() == pytest.approx([0.15, 0.15])
    # None left cannot be drawn on a logarithmic axis.
    assert lines["as acquired"].get_ydata() == pytest.approx([FAINTEST, FAINTEST])
    lost = {line.get_label(): line for line in panels[PANELS["signal_loss"]].get_lines()}
    assert lost["coils removed"].get_ydata() == pytest.approx([2, 2])
    # Five times the difference of 1 to the image without arms.
    assert above.axes[1 + len(TITLES) + 1].images[0].get_array().max() == pytest.approx(5)
    assert "4 × liver's" in "".join(text.get_text() for axes in above.axes for text in axes.texts)
