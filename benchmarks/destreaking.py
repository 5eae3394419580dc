"""De-streaking methods over streak strengths, on the phantom, whose image without streaks is known.

    python benchmarks/destreaking.py --to results/destreaking_quality [--subjects 6]

writes destreaking.csv, .md, .png, .pdf: streak energy outside the body, SNR, structural similarity to the image without
source, and loss of liver signal, each before and after.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from fewlabel.cohorts.phantom import list_subjects, read_acquisition
from fewlabel.cohorts.phantom_abdomen import TARGET
from fewlabel.experiment import Destreak, PhantomSource
from fewlabel.imaging.destreak.covariance import mix
from fewlabel.imaging.destreak.quality import Known, quality
from fewlabel.imaging.destreak.region import root_sum_of_squares
from fewlabel.imaging.destreak.remedy import coil_images, from_images, from_kspace
from fewlabel.reporting import style

METHODS = {
    "none": ("as acquired", from_kspace),
    "remove_coils": ("coils removed", from_kspace),
    "cactus": ("CACTUS, k-space", from_kspace),
    "cactus_images": ("CACTUS, coil images", from_images),
    "bstar": ("B-STAR", from_kspace),
}
STRENGTHS = (1, 2, 4, 8, 16)
EVERY = 4
"""Of the slices with liver, so many are one apart."""
SHOWN = 4
QUIET = 1e6
"""SNR of an acquisition as good as without noise."""


def source(streaks, subjects, snr=25):
    radial = {"streaks": streaks}
    return PhantomSource(
        kind="phantom", anatomy="abdomen", labelled=subjects, pixel_mm=4, slice_mm=10, snr=snr, radial=radial
    )


def of_slices(acquisition, slices):
    return type(acquisition)(acquisition.kspace[slices], acquisition.trajectory, acquisition.matrix)


def measured(number, subjects):
    """A row for each strength and method of one subject, and its images at the default strength."""

    def acquired(streaks, snr=25):
        made = source(streaks, subjects, snr)
        return read_acquisition(made, list_subjects(made)[number])

    clean, tissues = acquired(0)
    target = np.isin(tissues, [int(tissue) for tissue in TARGET])
    slices = np.flatnonzero(target.any(axis=(1, 2)))[EVERY // 2 :: EVERY]
    body = np.stack([ndimage.binary_fill_holes(image > 0) for image in tissues[slices]])
    far = ~ndimage.binary_dilation(body, np.ones((1, 3, 3)), iterations=2)
    quiet = coil_images(of_slices(acquired(0, QUIET)[0], slices), clean.matrix)
    without = coil_images(of_slices(clean, slices), clean.matrix)
    rows, shown = [], {"no source": root_sum_of_squares(without)}
    for streaks in STRENGTHS:
        acquisition = of_slices(acquired(streaks)[0], slices)
        images = coil_images(acquisition, clean.matrix)
        known = Known(root_sum_of_squares(images), root_sum_of_squares(without), target[slices], body, far)
        for name, (title, find) in METHODS.items():
            settings = Destreak(method=name.removesuffix("_images"))
            remedy = find(settings, images if find is from_images else acquisition)
            mixed, *others = (mix(remedy.mixing, each, axis=1) for each in (images, without, quiet))
            # B-STAR's weights are those of the streaked images; a sum of squares has none.
            like = mixed if remedy.interference is not None else None
            remedied = remedy.combined(mixed)
            found = quality(known, remedied, *(remedy.combined(each, like) for each in others))
            rows.append({"subject": number + 1, "streaks": streaks, "method": name, **vars(found)})
            if streaks == SHOWN:
                shown[title] = remedied
    return rows, shown


def markdown(table):
    lines = [
        "| arms' signal | method | streak energy removed, % | SNR of the liver | SSIM | liver signal lost, % |",
        "|---|---|---|---|---|---|",
    ]
    for (streaks, method), group in table.groupby(["streaks", "method"], sort=False):
        removed = 100 * (1 - group["streak_energy"])
        parts = [
            f"{values.mean():.{digits}f} ({values.min():.{digits}f} to {values.max():.{digits}f})"
            for values, digits in (
                (removed, 1), (group["snr"], 1), (group["similarity"], 3), (100 * group["signal_loss"], 1)
            )
        ]  # fmt: skip
        lines.append(f"| {streaks} | {METHODS[method][0]} | {' | '.join(parts)} |")
    return "\n".join(lines) + "\n"


def drawn(table, shown):
    """Images of a slice at the default strength, what differs from the image without source, and the measures."""
    middle = len(shown["no source"]) // 2
    clean = shown["no source"][middle].T
    bright = np.percentile(clean, 99.5)
    with style.applied():
        figure = style.new_figure(7.2, 4.9)
        above, below = figure.subfigures(2, 1, height_ratios=(2.9, 2))
        axes = above.subplots(2, len(shown))
        for column, (title, images) in enumerate(shown.items()):
            image = images[middle].T
            axes[0, column].imshow(image, cmap="gray", vmin=0, vmax=bright)
            axes[0, column].set_title(title, fontsize=7, fontweight="normal", loc="center", pad=3)
            if column:
                axes[1, column].imshow(5 * np.abs(image - clean), cmap="gray", vmin=0, vmax=bright)
            for place in axes[:, column]:
                place.set_axis_off()
        axes[1, 0].text(0.5, 0.5, "5 x difference\nto no source", ha="center", va="center", fontsize=7,
                        transform=axes[1, 0].transAxes)  # fmt: skip
        measures = {
            "streak_energy": "Streak energy left", "snr": "SNR, liver",
            "similarity": "SSIM, body", "signal_loss": "Liver signal lost, %",
        }  # fmt: skip
        plots = below.subplots(1, len(measures))
        colours = dict(zip(METHODS, (style.GREY, style.BLUE, style.ORANGE, style.FURTHER[0], style.INK), strict=True))
        for place, (measure, title) in zip(plots, measures.items(), strict=True):
            for name, colour in colours.items():
                rows = table[table["method"] == name].groupby("streaks")[measure].mean()
                values = np.maximum(rows, 1e-4) if measure == "streak_energy" else rows
                factor = 100 if measure == "signal_loss" else 1
                marker = style.MARKERS[list(METHODS).index(name)]
                place.plot(rows.index, factor * values, color=colour, marker=marker, markersize=3, linewidth=1,
                           label=METHODS[name][0])  # fmt: skip
            place.set_xscale("log", base=2)
            place.set_xticks(STRENGTHS, [str(strength) for strength in STRENGTHS])
            place.set_title(title, fontsize=7.5)
            place.set_xlabel("Arms' signal / liver's", fontsize=7)
        plots[0].set_yscale("log")
        plots[0].set_yticks([1, 0.1, 0.01, 0.001], ["100 %", "10 %", "1 %", "0.1 %"])
        plots[0].minorticks_off()
        plots[0].axhline(0.1, color="#aaaaaa", linewidth=0.8, linestyle="--")
        plots[3].axhline(5, color="#aaaaaa", linewidth=0.8, linestyle="--")
        handles, labels = plots[0].get_legend_handles_labels()
        below.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("results/destreaking_quality"))
    parser.add_argument("--subjects", type=int, default=6)
    given = parser.parse_args()
    rows, shown = [], {}
    for number in range(given.subjects):
        found, images = measured(number, given.subjects)
        rows += found
        shown = shown or images
        print(f"subject {number + 1} of {given.subjects}", flush=True)
    table = pd.DataFrame(rows)
    given.to.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.to / "destreaking.csv", index=False, float_format="%.5g")
    (given.to / "destreaking.md").write_text(markdown(table))
    style.save(drawn(table, shown), given.to / "destreaking.png", given.to / "destreaking.pdf", 200)


if __name__ == "__main__":
    main()
