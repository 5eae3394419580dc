"""Hard links to the outputs of a complete training, from which a restarted workflow restores them.

After a workflow was killed, its trainings may continue and finish; the next workflow deletes their outputs and starts
them again. They are then restored from the links instead of trained again. The workflow removes the links at its end
(see `stale_files`).
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256 as digest
from pathlib import Path

from fewlabel.utils.atomic_files import atomic_files, atomic_folder, hard_link, sha256
from fewlabel.utils.json_files import load_json
from fewlabel.utils.log import LOG


def finished_folder(state: Path) -> Path:
    """The folder with links to the outputs of a complete run."""
    return state.with_suffix(".finished")


def keep_links(folder: Path, identity: Mapping[str, str], outputs: Sequence[Path]) -> None:
    """Keep links to complete outputs and their identity; if that fails, print a message."""
    try:
        with atomic_folder(folder) as partial:
            for path in outputs:
                hard_link(path, partial / path.name)
            (partial / "identity.json").write_text(_fingerprint(identity), encoding="utf-8")
    except OSError as error:
        LOG.info(f"{folder.name}: not kept ({error})")


def restore_links(folder: Path, identity: Mapping[str, str], outputs: Sequence[Path]) -> bool:
    """Restore kept outputs (their record last) if identity and hashes match; return whether they were restored."""
    try:
        if (folder / "identity.json").read_text(encoding="utf-8") != _fingerprint(identity):
            return False
        expected = load_json(folder / outputs[-1].name)["outputs"]
        if any(sha256(folder / name) != value for name, value in expected.items()):
            return False
        with atomic_files(outputs) as partials:
            for path, partial in zip(outputs, partials, strict=True):
                hard_link(folder / path.name, partial)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _fingerprint(identity: Mapping[str, str]) -> str:
    return digest(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()
