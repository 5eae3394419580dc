"""The GPUs of this machine."""

import os

from fewlabel.commands.common import app
from fewlabel.errors import InputError


@app.command()
def gpus() -> None:
    """List the GPUs that trainings may take, and who holds a place on them; the exit code is 1 if there is none."""
    import torch
    from filelock import FileLock

    from fewlabel.gpu_slots import holders, lock_folder
    from fewlabel.gpus import NEXT
    from fewlabel.learning.device import my_gpus

    if not torch.cuda.is_available():
        cause = "its build has no CUDA" if torch.version.cuda is None else "no GPU or no driver that fits"
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        left = "" if hidden is None else f", CUDA_VISIBLE_DEVICES={hidden!r}"
        raise InputError(f"no GPU for trainings: torch {torch.__version__} finds none ({cause}{left}); {NEXT}")
    found = my_gpus()
    if not found:
        print(f"{torch.cuda.device_count()} GPU(s), of which `nvidia-smi` tells nothing: no places are kept on them")
    folder = lock_folder()
    with FileLock(folder / "choice.lock"):
        for gpu in found:
            who = ", ".join(holder for holder, _ in holders(folder, gpu).values()) or "nobody"
            print(f"{gpu}: {gpu.free / 1e9:.1f} of {gpu.total / 1e9:.1f} GB free; on it: {who}")
