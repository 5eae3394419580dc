"""GPUs made of a table: a stand-in for the driver's command, which prints what a file says."""

from fewlabel.training.devices.gpus import MIB, QUERY

GIB = 2**30


def install(folder, *rows):
    """Make the command `nvidia-smi` in a folder (for PATH); `rows` are of (index, uuid, name, free, total) in bytes."""
    folder.mkdir(exist_ok=True)
    table = "\n".join(
        f"{index}, {uuid}, {name}, {free // MIB}, {total // MIB}" for index, uuid, name, free, total in rows
    )
    (folder / "table.txt").write_text(table + "\n")
    command = folder / QUERY[0]
    command.write_text(f'#!/bin/sh\n[ "$*" = "{" ".join(QUERY[1:])}" ] && cat "{folder}/table.txt"\n')
    command.chmod(0o755)
    return folder


def same(count, free=24 * GIB, total=24 * GIB):
    """So many GPUs of one model."""
    return [(index, f"GPU-{index:08d}-made", "Made 24", free, total) for index in range(count)]
