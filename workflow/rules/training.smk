# Pretraining, finetuning and scoring: one job for each cohort x method, and for each cohort x method x N x draw.
# Trainings request one GPU. Only a profile uses the request: a machine without a GPU trains on its CPU. Scoring uses
# none, because most of it is resampling and surface distances; a finetuning scores its own network at its end.

from fewlabel.config.jobs.training import evaluate_settings, finetune_settings, pretrain_settings
from fewlabel.utils.optional_dependencies import enable_tensorboard

# Logs are not results: trainings read from this variable, not from a setting, whether to write them (like data_root).
if EXPERIMENT.tensorboard:
    try:
        enable_tensorboard()
    except InputError as error:
        raise WorkflowError(str(error)) from None

PRETRAINED = Run.pattern("{cohort}", "{method}")
FINETUNED = Run.pattern("{cohort}", "{method}", "{n}", "{draw}")


# ----------------------------------------------------------------------------------------------------- pretraining
rule pretrain:
    """Pretrain a network without labels on a cohort's pool and unlabelled subjects (of those of one fold)."""
    input:
        store=of_cohort(STORE),
        arrays=of_cohort(unshared(ARRAYS)),
        roles=rules.split.output.roles,
    output:
        weights=LAYOUT.weights(PRETRAINED),
        # The objective of every stage with its head: finetuning does not use it, figures do.
        pretext=PRETEXT,
        history=LAYOUT.run_history(PRETRAINED),
        run=LAYOUT.record(PRETRAINED),
    log:
        LAYOUT.log("pretrain_{method}", "{cohort}"),
    benchmark:
        LAYOUT.benchmark("pretrain_{method}", "{cohort}")
    # All jobs of the method wait for this one.
    priority: 10
    conda:
        TRAINING_SOFTWARE
    threads: 1
    resources:
        gpu=1,
        # Processes that share each batch, on GPUs one each, and the command that starts them on several machines. A profile
        # sets them (`gpus_per_pretraining`), since the number changes results only by floating-point noise.
        processes=1,
        launcher="",
        mem_mb=growing(3000),
        runtime=growing(720),
    params:
        settings=settings(pretrain_settings),
        # Not an output: Snakemake deletes outputs of a failed job, and the training continues from this file.
        state=state_of,
        every=Unwatched(EXPERIMENT.checkpoint_every),
    message:
        "Pretrain {wildcards.method} on {wildcards.cohort} (log: {log})"
    shell:
        "{resources.launcher} fewlabel pretrain --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--weights {output.weights} --pretext {output.pretext} --history {output.history} --run {output.run} "
        "--state {params.state} --checkpoint-every {params.every} --threads {threads} --processes {resources.processes} "
        "> {log} 2>&1"


# ------------------------------------------------------------------------------------------------------ finetuning
rule finetune:
    """Train one initialisation on the N labelled subjects of one draw."""
    input:
        store=of_cohort(STORE),
        arrays=of_cohort(unshared(ARRAYS)),
        order=rules.draw.output.order,
        # None for a method that starts from random weights.
        init=pretrained_weights,
    output:
        weights=LAYOUT.weights(FINETUNED),
        history=LAYOUT.run_history(FINETUNED),
        run=LAYOUT.record(FINETUNED),
    log:
        LAYOUT.log("finetune_{method}_n{n}_draw{draw}", "{cohort}"),
    benchmark:
        LAYOUT.benchmark("finetune_{method}_n{n}_draw{draw}", "{cohort}")
    conda:
        TRAINING_SOFTWARE
    threads: 1
    resources:
        gpu=1,
        mem_mb=growing(3000),
        runtime=growing(240),
    params:
        settings=settings(finetune_settings),
        init=signed(lambda wildcards, input: f"--init {input.init}" if input.init else ""),
        state=state_of,
        every=Unwatched(EXPERIMENT.checkpoint_every),
        evaluation=evaluation_options,
    message:
        "Finetune {wildcards.method} on {wildcards.cohort}, N = {wildcards.n}, draw {wildcards.draw} (log: {log})"
    shell:
        "fewlabel finetune --settings {params.settings:q} --store {input.store} --order {input.order} {params.init} "
        "--weights {output.weights} --history {output.history} --run {output.run} --state {params.state} "
        "{params.evaluation} --checkpoint-every {params.every} --threads {threads} > {log} 2>&1"


# ------------------------------------------------------------------------------------------------------ evaluation
rule evaluate:
    """Segment the test subjects, save the masks on their native grids, and score them there."""
    input:
        store=of_cohort(STORE),
        arrays=of_cohort(unshared(ARRAYS)),
        native=of_cohort(NATIVE),
        roles=rules.split.output.roles,
        weights=rules.finetune.output.weights,
    output:
        scores=shown(
            LAYOUT.run_scores(FINETUNED),
            "run_scores.rst",
            "Scores of each run",
            cohort="{cohort}",
            method="{method}",
            N="{n}",
            draw="{draw}",
        ),
        predictions=directory(LAYOUT.predictions(FINETUNED)),
    log:
        LAYOUT.log("evaluate_{method}_n{n}_draw{draw}", "{cohort}"),
    benchmark:
        LAYOUT.benchmark("evaluate_{method}_n{n}_draw{draw}", "{cohort}")
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        settings=settings(evaluate_settings),
    message:
        "Evaluate {wildcards.method} on {wildcards.cohort}, N = {wildcards.n}, draw {wildcards.draw} (log: {log})"
    shell:
        "fewlabel evaluate --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--truth {input.native}/labels --weights {input.weights} --scores {output.scores} "
        "--predictions {output.predictions} --threads {threads} > {log} 2>&1"
