# GPUs of this machine, where a profile says that trainings take them (profiles/gpu). Which one, each chooses itself.

import subprocess

LIMITS = {name: limit.value for name, limit in workflow.global_resources.items()}

# By the environment, not by settings: how many share a GPU makes no result old.
if "slots_per_gpu" in LIMITS:
    os.environ["FEWLABEL_SLOTS_PER_GPU"] = str(LIMITS["slots_per_gpu"])
    os.environ.setdefault("FEWLABEL_DEVICE", "cuda")


def refuse_without_gpu():
    """Before any job runs: a GPU that is promised must be there, and torch must be able to use it."""
    if "slots_per_gpu" in LIMITS and os.environ["FEWLABEL_DEVICE"].startswith("cuda"):
        asked = subprocess.run(["fewlabel", "gpus"], capture_output=True, text=True)
        if asked.returncode:
            raise WorkflowError(asked.stderr.strip())
        print(asked.stdout, end="", file=sys.stderr)
    if LIMITS.get("gpu") == 0:
        raise WorkflowError(
            "gpu=0: no training may take a GPU, and each asks for one; raise it in the profile or by --resources, or take "
            "profiles/default (CPU), which does not count GPUs"
        )
