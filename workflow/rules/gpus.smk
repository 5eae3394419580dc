# GPUs of this machine, if the profile gives them to trainings (profiles/gpu). Each training chooses one.

from fewlabel.operations.hooks.profiles import gpu_trouble, repeat_steps, share_gpus

LIMITS = {name: limit.value for name, limit in workflow.global_resources.items()}

if "slots_per_gpu" in LIMITS:
    share_gpus(LIMITS["slots_per_gpu"])
if LIMITS.get("cuda_graph"):
    repeat_steps()


def refuse_without_gpu():
    """Before any job runs: a GPU that is promised must be there, and torch must be able to use it."""
    if "slots_per_gpu" in LIMITS and (trouble := gpu_trouble()):
        raise WorkflowError(trouble)
    if LIMITS.get("gpu") == 0:
        raise WorkflowError(
            "gpu=0: no training may take a GPU, and each asks for one; raise it in the profile or by --resources, or take "
            "profiles/default (CPU), which does not count GPUs"
        )
