"""Optional TensorBoard logs of loss and learning rate; the history of a run contains the same numbers.

A resumed stage writes its log anew from the history, so that no step occurs twice.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewlabel.training.checkpointing.state import HistoryRow
from fewlabel.utils.log import LOG
from fewlabel.utils.optional_dependencies import require_tensorboard

FLUSH_SECONDS = 10


@dataclass
class Scalars:
    """Writes the logs of a training, one folder a stage; training continues if they cannot be written."""

    folder: Path | None  # of the logs; None: none are written
    _writer: Any = field(default=None, init=False)

    @classmethod
    def of_run(cls, run: Path, enabled: bool) -> "Scalars":
        """The logs of a training, in the folder of its `run.json`. Raises InputError: TensorBoard is not installed."""
        if enabled:
            require_tensorboard()
        return cls(run.parent / "tensorboard" if enabled else None)

    def begin(self, stage: str, history: Sequence[HistoryRow]) -> None:
        """Start a stage's log with its rows so far."""
        self.close()
        if self.folder is None:
            return
        # A slow import, needed only here.
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
        """Write pending rows and close the log."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                self._refused(error)

    def _refused(self, error: OSError) -> None:
        LOG.info(f"tensorboard: not written ({error}); training continues without")
        self._writer = self.folder = None
