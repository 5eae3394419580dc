import subprocess
import sys

import pytest

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
