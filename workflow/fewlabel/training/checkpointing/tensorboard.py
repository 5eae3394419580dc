"""Loss and learning rate as TensorBoard logs, for those who want them; the history of a run holds the same numbers.

A stage's log is begun anew from the history whenever the stage is taken up, so that no step stands in it twice.
"""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.utils.optional_dependencies import require_tensorboard

FLUSH_SECONDS = 10


@dataclass
class Scalars:
    """Writes the logs of a training, a folder a stage; a disk that refuses costs the logs, never the training.

    Attributes:
        folder: of the logs; None: none are written.
    """

    folder: Path | None
    _writer: Any = field(default=None, init=False)

    @classmethod
    def of_run(cls, run: Path, wanted: bool) -> "Scalars":
        """The logs of the training with these facts (`run.json`), beside them.

        Raises:
            InputError: they are wanted, and TensorBoard is not installed.
        """
        if wanted:
            require_tensorboard()
        return cls(run.parent / "tensorboard" if wanted else None)

    def begin(self, stage: str, history: Sequence[HistoryRow]) -> None:
        """Begin a stage's log with the rows that there are."""
        self.close()
        if self.folder is None:
            return
        # Only here: it takes a second to import.
        from torch.utils.tensorboard import SummaryWriter

        place = self.folder / stage
        try:
            shutil.rmtree(place, ignore_errors=True)
            self._writer = SummaryWriter(str(place), flush_secs=FLUSH_SECONDS)
        except OSError as error:
            self._refused(error)
        for row in history:
            self.add(row)

    def add(self, row: HistoryRow) -> None:
        """Write a row of the history."""
        if self._writer is None:
            return
        try:
            self._writer.add_scalar("loss", row.loss, row.step)
            self._writer.add_scalar("learning_rate", row.learning_rate, row.step)
        except OSError as error:
            self._refused(error)

    def close(self) -> None:
        """Bring to the disk what is not there yet."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._refused(error)

    def _refused(self, error: OSError) -> None:
        print(f"tensorboard: not written ({error}); the training goes on without", file=sys.stderr)
        self._writer = self.folder = None
