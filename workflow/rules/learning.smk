# Pretraining, finetuning and scoring: one job for each cohort x method, and for each cohort x method x N x draw.


def initial_weights(wildcards):
    """The pretrained weights of a method; none where it starts at random."""
    pretext = EXPERIMENT.methods[wildcards.method].pretext
    return [] if pretext == "none" else expand(rules.pretrain.output.weights, **wildcards)


# ----------------------------------------------------------------------------------------------------- pretraining
rule pretrain:
    """Pretrain a network without labels on a cohort's pool and unlabelled subjects."""
    input:
        store=rules.prepare.output.store,
        roles=rules.split.output.roles,
    output:
        weights=PRETRAINED + "/weights.safetensors",
        history=PRETRAINED + "/history.csv",
        run=PRETRAINED + "/run.json",
    params:
        settings=settings(jobs.pretrain_settings),
    log:
        LOGS + "/{cohort}/pretrain_{method}.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    # Everything of its method waits for it.
    priority: 10
    resources:
        mem_mb=3000,
        runtime=720,
    shell:
        "fewlabel pretrain --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--weights {output.weights} --history {output.history} --run {output.run} --threads {threads} > {log} 2>&1"


# ------------------------------------------------------------------------------------------------------ finetuning
rule finetune:
    """Train one initialisation on the N labelled subjects of one draw."""
    input:
        store=rules.prepare.output.store,
        order=rules.draw.output.order,
        init=initial_weights,
    output:
        weights=RUN + "/weights.safetensors",
        history=RUN + "/history.csv",
        run=RUN + "/run.json",
    params:
        settings=settings(jobs.finetune_settings),
        init=lambda wildcards, input: f"--init {input.init}" if input.init else "",
    log:
        LOGS + "/{cohort}/finetune_{method}_n{n}_draw{draw}.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=240,
    shell:
        "fewlabel finetune --settings {params.settings:q} --store {input.store} --order {input.order} {params.init} "
        "--weights {output.weights} --history {output.history} --run {output.run} --threads {threads} > {log} 2>&1"


# ------------------------------------------------------------------------------------------------------ evaluation
rule evaluate:
    """Segment the test subjects, save the masks on their native grids, and score them there."""
    input:
        store=rules.prepare.output.store,
        native=rules.prepare.output.native,
        roles=rules.split.output.roles,
        weights=rules.finetune.output.weights,
    output:
        scores=RUN + "/scores.csv",
        predictions=directory(RUN + "/predictions"),
    params:
        settings=settings(jobs.evaluate_settings),
    log:
        LOGS + "/{cohort}/evaluate_{method}_n{n}_draw{draw}.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    shell:
        "fewlabel evaluate --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--truth {input.native}/labels --weights {input.weights} --scores {output.scores} "
        "--predictions {output.predictions} --threads {threads} > {log} 2>&1"
