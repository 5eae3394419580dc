import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fewlabel.config.jobs.titles import MethodTitle
from fewlabel.reporting.figures import style


def drawn():
    with style.applied():
        figure = style.new_figure(2, 1.5)
        axes = figure.add_subplot()
        axes.plot([1, 2], [0.5, 0.6])
        axes.set_xlabel("Labelled training subjects, N")
    return figure


def test_methods_have_the_colours_of_the_paper_and_variants_have_their_own(methods):
    variant = MethodTitle(title="by anatomy", pretext="contrastive", benchmark=False)
    colours = style.method_colours({**methods, "variant": variant})
    assert colours["regression"] == style.BLUE
    assert colours["contrastive"] == style.ORANGE
    assert colours["scratch"] == style.GREY
    assert colours["supervised"] == style.INK
    assert colours["variant"] == style.FURTHER[0]
    assert len(set(colours.values())) == 5


def test_methods_differ_by_marker_too_and_benchmarks_by_line(methods):
    assert len(set(style.method_markers(methods).values())) == 3
    second = MethodTitle(title="more augmentation", pretext="none", benchmark=True)
    lines = style.line_styles({**methods, "second": second})
    assert (lines["scratch"], lines["supervised"], lines["second"]) == ("-", ":", "-.")


def test_no_two_of_many_methods_have_the_same_colour_and_line(methods):
    many = methods | {f"m{i}": MethodTitle(title=f"m{i}", pretext="joint", benchmark=False) for i in range(21)}
    colours, lines = style.method_colours(many), style.line_styles(many)
    assert len({(colours[name], lines[name]) for name in many}) == len(many)


def test_ticks_are_the_numbers_themselves_as_far_as_they_have_room():
    figure = style.new_figure(3, 2)
    axes = figure.add_subplot()
    style.label_axis(axes, {1, 2, 4, 8, 16, 17, 40})
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4", "8", "16", "", "40"]
    assert axes.get_xlim()[0] < 1 < 40 < axes.get_xlim()[1]


def test_equal_figures_give_equal_files(tmp_path):
    for name in ("first", "second"):
        style.save(drawn(), tmp_path / name / "a.png", tmp_path / name / "a.pdf", 80)
    for kind in ("a.png", "a.pdf"):
        assert (tmp_path / "first" / kind).read_bytes() == (tmp_path / "second" / kind).read_bytes()


def test_files_hold_no_date_and_fonts_are_embedded_as_truetype(tmp_path):
    style.save(drawn(), tmp_path / "a.png", tmp_path / "a.pdf", 80)
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    for forbidden in (b"CreationDate", b"Creator", b"Producer"):
        assert forbidden not in pdf
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()


def test_a_failed_save_leaves_what_was_there(tmp_path, monkeypatch):
    png, pdf = tmp_path / "a.png", tmp_path / "a.pdf"
    png.write_text("before")
    figure = drawn()
    save_png = figure.savefig

    def full_disk(path, format, **rest):
        save_png(path, format=format, **rest)
        if format == "pdf":
            raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", full_disk)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, png, pdf, 80)
    assert png.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_drawing_needs_neither_torch_nor_volumes():
    code = "import sys; from fewlabel.reporting.figures import label_curves; "
    code += "from fewlabel.reporting.tables import cohorts, dice; "
    code += "print([name for name in ('torch', 'nibabel', 'skimage', 'monai') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_two_pretexts_have_colours_of_seaborns_colorblind_palette():
    import seaborn

    assert seaborn.color_palette("colorblind", 2).as_hex() == [style.BLUE, style.ORANGE]


def oklab(linear):
    """Linear sRGB (colour, 3) as OKLab (Ottosson 2020)."""
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.transpose(to_lms)) @ np.transpose(to_lab)


SIGHT = {  # Machado, Oliveira, Fernandes 2009, severity 1
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_of_classes_differ_for_every_kind_of_sight_and_are_bright(sight):
    rgb = np.array([to_rgb(colour) for colour in style.CLASSES])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = oklab(np.clip(linear @ np.transpose(SIGHT[sight]), 0, 1))
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 9 * np.eye(len(seen))
    assert apart[:5, :5].min() >= 0.18 and apart.min() >= 0.095
    assert len(style.CLASSES) >= 14 and oklab(linear)[:, 0].min() >= 0.59


def test_a_class_has_one_colour_and_one_class_that_of_the_truth():
    assert style.class_colours(["liver"]) == {"liver": style.TRUTH}
    names = [f"c{index}" for index in range(20)]
    colours = style.class_colours(names)
    assert list(colours) == names and len(set(colours.values())) == 14 and colours["c14"] == colours["c0"]
