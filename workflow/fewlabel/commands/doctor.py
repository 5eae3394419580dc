"""Is this machine, or this node, fit to run a study?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewlabel.commands.common import app, write_json
from fewlabel.errors import InputError, printable
from fewlabel.json_text import load_json

if TYPE_CHECKING:
    from fewlabel.doctor.sight import Sight


@app.command()
def doctor(
    profile: Annotated[Path | None, typer.Option(help="A profile's folder: is all there that it needs?")] = None,
    configfile: Annotated[list[Path] | None, typer.Option(help="Overlays on config.yaml: are their data here?")] = None,
    need_gpu: Annotated[bool, typer.Option("--need-gpu", help="Trainings must find a GPU here.")] = False,
    results: Annotated[Path, typer.Option(help="Where results are written.")] = Path("results"),
    json: Annotated[Path | None, typer.Option(help="Also write a report, for --against on another machine.")] = None,
    against: Annotated[Path | None, typer.Option(help="Report of another machine: is the same seen here?")] = None,
) -> None:
    """Check this machine or node in seconds: software, devices, disks, cluster, data; exit code 1 for a problem.

    Whether nodes see what the login node sees: `fewlabel doctor --json login.json`, then
    `srun fewlabel doctor --against login.json`.
    """
    from fewlabel.doctor.examine import Wish, examine
    from fewlabel.doctor.finding import as_text, stops
    from fewlabel.doctor.sight import as_facts, compare

    there = _report(against) if against else None
    found, here = examine(Wish(results, profile, configfile or (), need_gpu, token=json is not None))
    if there is not None:
        found += compare(there, here)
    print(printable(as_text(found)), end="")
    if json is not None:
        write_json(json, {"findings": [asdict(finding) for finding in found], "sight": as_facts(here)})
    if stops(found):
        raise typer.Exit(1)


def _report(file: Path) -> "Sight":
    from fewlabel.doctor.sight import Sight

    try:
        return Sight(**load_json(file)["sight"])
    except FileNotFoundError:
        hint = "if it was written elsewhere, this machine does not see that folder"
        raise InputError(f"{file}: no such report; {hint}: `fewlabel doctor --json {file}` makes one") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file}: no report of `fewlabel doctor --json`, or of another version of it") from None
