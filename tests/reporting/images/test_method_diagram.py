"""Figure 2: what it says is what the settings say and the trainings do; nothing overlaps or is cut off."""

from itertools import combinations

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from fewlabel.config.experiment import Experiment
from fewlabel.config.jobs.figures.method_diagram import method_diagram_settings
from fewlabel.reporting.figures import style
from fewlabel.reporting.figures.canvas import text_width, wrapped
from fewlabel.reporting.images.method_diagram import method_diagram
from fewlabel.reporting.images.method_diagram_steps import StageState, steps
from fewlabel.training.network import UNet
from fewlabel.training.pretexts.contrastive import LocalContrast
from fewlabel.training.weights import load_weights, save_weights, transferable

WIDTHS = [4, 8, 12, 16, 20, 24, 28, 32]
HOSTILE = r"50 % & $x_{1}$ <b>\input{a}</b> #_^~ " + "W" * 60
"""A title with signs of every language, and a word wider than its place."""


def experiment(
    stages=4, local=True, title=None, decoder_stages=2, freeze=True, cohorts=("liver", "prostate"), **diagram
):
    source = {"kind": "phantom", "anatomy": "abdomen", "labelled": 6}
    stage = {
        "decoder_stages": min(decoder_stages, stages - 1),
        "freeze_encoder": freeze,
        "steps": 1500,
        "head": [64, 32],
    }
    return Experiment.model_validate(
        {
            "cohorts": {name: {"source": source, "title": title} for name in cohorts},
            "methods": {
                "scratch": {"pretext": "none"},
                "restore": {
                    "pretext": "regression",
                    "title": title,
                    "training": {"steps": 300, "batch": 16, "augmentation": "geometry"},
                    "finetuning": {"steps": 77},
                },
                "squares": {"pretext": "regression", "block": 8, "corrupted": 0.5},
                "contrast": {
                    "pretext": "contrastive",
                    "title": title,
                    "global_stage": {"head": [4096, 256], "positives": ["augmentation", "anatomy"]},
                    "local_stage": stage if local else None,
                    "labels": [1, "all"],
                },
                "scratch_longer": {"pretext": "none"},
                "upper": {"pretext": "none", "labels": ["all"]},
            },
            "network": {"widths": WIDTHS[:stages]},
            "figures": {"method_diagram": diagram},
        }
    )


def rows(of):
    counts = {"pretraining": (36, 1845), "pool": (20, 468), "test": (12, 284)}
    cells = {
        f"{use}_{what}": n for use, pair in counts.items() for what, n in zip(("subjects", "slices"), pair, strict=True)
    }
    return pd.DataFrame([{"title": cohort.title or name, **cells} for name, cohort in of.cohorts.items()])


def drawn(of):
    figure = method_diagram(rows(of), method_diagram_settings(of))
    with style.applied():
        figure.draw_without_rendering()
    return figure


def boxes(figure):
    """The boxes that stand for something, by what they stand for."""
    return {p.get_gid(): p for p in figure.axes[0].patches if isinstance(p, Rectangle) and p.get_gid()}


def inside(figure, box):
    """The text in a box."""
    around = box.get_window_extent()
    centres = {text: text.get_window_extent() for text in figure.axes[0].texts}
    return " ".join(
        text.get_text() for text, at in centres.items()
        if around.x0 <= (at.x0 + at.x1) / 2 <= around.x1 and around.y0 <= (at.y0 + at.y1) / 2 <= around.y1
    )  # fmt: skip


def texts(figure):
    return [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.axes[0].texts]


# ----------------------------------------------------------------------------------- what trainings really do
def states(step):
    return step.encoder, step.decoder, step.output


def loaded(network, tmp_path, decoder_stages, widths):
    """What a finetuning takes of a pretraining's weights: states of its parts, by the code that trains."""
    save_weights(tmp_path / "w.safetensors", transferable(network, decoder_stages), {"widths": widths})
    missing = load_weights(UNet(widths), tmp_path / "w.safetensors", widths).missing

    def state(prefix):
        return StageState.RANDOM if any(name.startswith(prefix) for name in missing) else StageState.GIVEN

    encoder = tuple(state(f"encoder.stages.{index}.") for index in range(len(widths)))
    return encoder, tuple(state(f"decoder.stages.{index}.") for index in range(len(widths) - 1)), state("output.")


@pytest.mark.parametrize(("method", "handed_on"), [("restore", 3), ("contrast", 2)])
def test_finetuning_starts_from_what_the_trainings_hand_on(method, handed_on, tmp_path):
    last = steps(method_diagram_settings(experiment()), method)[-1]
    assert states(last) == loaded(UNet(WIDTHS[:4]), tmp_path, handed_on, WIDTHS[:4])


def test_without_a_local_stage_finetuning_takes_the_encoder_alone(tmp_path):
    first, last = steps(method_diagram_settings(experiment(local=False)), "contrast")
    assert states(last) == loaded(UNet(WIDTHS[:4]), tmp_path, 0, WIDTHS[:4])
    assert first.hands_on == "encoder"


@pytest.mark.parametrize("freeze", [True, False])
def test_the_local_stage_trains_what_the_objective_trains(freeze):
    _, local, _ = steps(method_diagram_settings(experiment(freeze=freeze)), "contrast")
    network = UNet(WIDTHS[:4])
    objective = LocalContrast(network, 2, WIDTHS[1], (64, 32), 13, 3, 0.1, freeze)
    trained = {name for name, parameter in objective.named_parameters() if parameter.requires_grad}
    assert any(name.startswith("encoder.") for name in trained) == (set(local.encoder) == {StageState.GIVEN})
    own = {int(name.split(".")[1]) for name in trained if name.startswith("stages_trained.")}
    assert own == {index for index, state in enumerate(local.decoder) if state is StageState.RANDOM}
    assert (local.head.after, local.head.widths, local.hands_on) == (2, (64, 32), "encoder, 2 of 3 decoder stages")
    assert (set(local.encoder) == {StageState.FROZEN}) == freeze


# --------------------------------------------------------------------------------------------- what is drawn
@pytest.mark.parametrize("stages", [2, 5, 8])
def test_boxes_hold_the_widths_of_their_stages(stages):
    of = experiment(stages)
    figure = drawn(of)
    found = boxes(figure)
    for name in ("restore/0", "restore/1", "contrast/2"):
        encoder = [inside(figure, found[f"{name}/encoder/{level}"]) for level in range(stages)]
        decoder = [inside(figure, found[f"{name}/decoder/{index}"]) for index in range(stages - 1)]
        assert encoder == [str(width) for width in WIDTHS[:stages]]
        assert decoder == [str(width) for width in WIDTHS[: stages - 1]][::-1]
        assert inside(figure, found[f"{name}/output"]) == "1 × 1 conv."
    absent = [inside(figure, found[f"contrast/0/decoder/{index}"]) for index in range(stages - 1)]
    assert absent == [""] * (stages - 1)
    assert inside(figure, found["contrast/0/head"]) == "4096 → 256"
    assert inside(figure, found["contrast/1/head"]) == "64 → 32"
    losses = [inside(figure, found[f"{step}/loss"]) for step in ("restore/0", "restore/1", "contrast/0", "contrast/1")]
    assert losses == ["L1 loss", "Dice loss", "contrastive loss", "contrastive loss"]


CASES = {
    **{f"{stages} stages": {"stages": stages, "decoder_stages": 7} for stages in range(2, 9)},
    "no local stage": {"local": False},
    "long hostile titles": {"title": HOSTILE, "stages": 2},
    "five cohorts": {"cohorts": ["a", "b", "c", "d", "e"]},
    "trained encoder": {"freeze": False},
    "four methods": {"methods": ["contrast", "squares", "scratch", "restore"]},
    "regression alone": {"methods": ["restore"]},
    "none is pretrained": {"methods": ["scratch"]},
    "scratch beside the legend": {"methods": ["scratch", "contrast"]},
    "three from random weights": {"methods": ["scratch", "upper", "scratch_longer"]},
    "regression and scratch": {"methods": ["restore", "scratch", "upper"]},
    "narrow": {"width_in": 6.5, "title": HOSTILE},
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_overlaps_or_is_cut_off(case):
    figure = drawn(experiment(**CASES[case]))
    whole = figure.bbox
    named = {name: box.get_window_extent() for name, box in boxes(figure).items()}
    written = [(text.get_text(), text.get_window_extent()) for text in figure.axes[0].texts]
    for name, box in [*named.items(), *written]:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1 and whole.y0 <= box.y0 < box.y1 <= whole.y1, name

    def overlap(one, other):
        return min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 2

    assert [
        pair for (a, one), (b, other) in combinations(named.items(), 2) if overlap(one, other) for pair in (a, b)
    ] == []
    assert [pair for (a, one), (b, other) in combinations(written, 2) if overlap(one, other) for pair in (a, b)] == []
    for text, at in written:  # in a box, or clear of it
        for name, box in named.items():
            assert not overlap(at, box) or (box.x0 <= at.x0 and at.x1 <= box.x1), (text, name)


def test_free_room_beside_a_network_holds_its_text_and_other_methods():
    figure = drawn(experiment())
    found = {name: box.get_window_extent() for name, box in boxes(figure).items()}
    said = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    # One stage where others have two: its text is beside its network, which stands before the arrow.
    assert said["Restore corrupted pixels"].x1 < found["restore/0/encoder/0"].x0
    assert found["restore/0/encoder/0"].x0 == pytest.approx(found["contrast/1/encoder/0"].x0, abs=3)
    # Scratch and the benchmark share a row, each in a half of it.
    first, second = found["scratch/0/encoder/0"], found["upper/0/encoder/0"]
    assert first.y0 == second.y0 and first.x0 < figure.bbox.width / 2 < second.x0
    alone = drawn(experiment(methods=["contrast", "scratch"]))
    legend = boxes(alone)["legend/RANDOM"].get_window_extent()
    assert legend.x0 > alone.bbox.width / 2 and legend.y0 > boxes(alone)["scratch/0/encoder/3"].get_window_extent().y0


def test_budgets_and_choices_are_told():
    text = " ".join(texts(drawn(experiment(methods=["restore", "squares", "contrast"]))))
    for told in (
        *("300 steps of 16 slices", "2 draws, 77 steps of 20 slices", "1,500 steps of 12 slices"),
        *("25 % of pixels", "50 % of pixels", "in squares of 8 × 8"),
        *("labelled subjects: 1, 2, 4, 8", "labelled subjects: 1, all"),
        *("views of one slice and one part of several volumes", "13 regions of 3 × 3", "temperature 0.1"),
    ):
        assert told in text


def test_the_legend_explains_the_looks_that_are_drawn_and_no_others():
    def explained(of):
        return {name.removeprefix("legend/") for name in boxes(drawn(of)) if name.startswith("legend/")}

    assert explained(experiment()) == {"RANDOM", "GIVEN", "FROZEN", "ABSENT"}
    assert explained(experiment(freeze=False)) == {"RANDOM", "GIVEN", "ABSENT"}
    assert explained(experiment(methods=["scratch"])) == {"RANDOM"}


def test_colours_are_the_methods_own():
    found = boxes(drawn(experiment(methods=["squares", "contrast"])))
    colours = style.method_colours(method_diagram_settings(experiment()).titles.methods)
    for name in ("squares", "contrast"):
        assert style.mpl.colors.to_hex(found[f"{name}/0/encoder/0"].get_edgecolor()) == colours[name]


def test_table_1_stands_beneath_if_asked_for():
    of = experiment(cohorts=["liver", "prostate", "knee"])
    told = texts(drawn(of))
    assert [text for text in told if text in ("liver", "prostate", "knee")] == ["liver", "prostate", "knee"]
    assert told.count("36 (1,845)") == told.count("20 (468)") == told.count("12 (284)") == 3
    assert method_diagram_settings(experiment(table=False)).table is None
    assert "Cohort" not in texts(method_diagram(None, method_diagram_settings(experiment(table=False))))


@pytest.mark.parametrize("change", [{}, {"methods": ["squares"]}, {"methods": ["contrast", "restore"]}])
def test_methods_are_the_first_of_each_pretext_scratch_and_the_benchmark_or_those_asked_for(change):
    shown = list(method_diagram_settings(experiment(**change)).methods)
    assert shown == change.get("methods", ["scratch", "restore", "contrast", "upper"])


def test_titles_stay_text_and_whole():
    told = "".join("".join(texts(drawn(experiment(title=HOSTILE)))).split())
    assert told.count("".join(HOSTILE.split())) == 4  # two methods, two cohorts


def test_lines_are_no_wider_than_asked_for_and_lose_nothing():
    lines = wrapped(HOSTILE, 1.0, 7)
    assert "".join("".join(lines).split()) == "".join(HOSTILE.split())
    assert all(text_width(line, 7) <= 1.0 for line in lines) and len(lines) > 3


def test_equal_settings_give_equal_files(tmp_path):
    for name in ("a", "b"):
        figure = method_diagram(rows(experiment()), method_diagram_settings(experiment()))
        style.save(figure, tmp_path / f"{name}.png", tmp_path / f"{name}.pdf", 60)
    for kind in ("png", "pdf"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_classes_channels_neighbours_and_the_loss_are_told():
    told = experiment().model_dump(mode="json")
    told["network"] |= {"context": 3}
    told["finetuning"] |= {"loss": "dice_cross_entropy"}
    source = {"kind": "nifti", "folder": "x", "classes": {"one": [1], "two": [2], "three": [3]}}
    told["cohorts"]["liver"]["source"] = source | {"channels": {"t2w": "_0000", "adc": "_0001"}}
    settings = method_diagram_settings(Experiment.model_validate(told))
    *_, last = steps(settings, "restore")
    assert last.title == "Segment 1 to 3 classes" and last.loss == "Dice + CE loss"
    assert last.seen == "labelled slice, 1 to 2 channels, with 2 neighbours"
    assert steps(settings, "restore")[0].seen.endswith(", 1 to 2 channels, with 2 neighbours")
    plain = method_diagram_settings(experiment())
    assert steps(plain, "restore")[-1].title == "Segment the target"
    assert not {"classes", "channels"} & set(plain.model_dump())
