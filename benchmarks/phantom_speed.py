"""Volumes per second that the phantom makes, one after the other in this process; pin it to a core to compare.

Usage: python benchmarks/phantom_speed.py [volumes]
"""

import sys
import time

from fewlabel.config.sources.phantom import PhantomSource
from fewlabel.data.phantoms.source import list_subjects, read_volume

GRIDS = {"abdomen": (2.0, 8.0), "pelvis": (1.0, 4.0)}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for anatomy, (pixel, spacing) in GRIDS.items():
        source = PhantomSource(kind="phantom", anatomy=anatomy, labelled=count, pixel_mm=pixel, slice_mm=spacing)
        start = time.perf_counter()
        for subject in list_subjects(source):
            read_volume(source, subject)
        rate = count / (time.perf_counter() - start)
        print(f"{anatomy}: {rate:.2f} volumes/s at {pixel:g} x {pixel:g} x {spacing:g} mm ({count} volumes)")


if __name__ == "__main__":
    main()
