# Figures and pages that need volumes, weights or predictions: drawn of a study's results only, never of a published study.
#
# What a rule makes is added to PICTURES right behind it (`PICTURES += rules.figure1_pretexts.output`): `pictures`, `all` and
# the record of the study ask for whatever stands there. A rule that a study has nothing to show for is not defined.

PICTURES = []


# ------------------------------------------------------------------------------------------------------- galleries
# One rule a cohort: figure 4 is of the liver, figure 5 of the prostate, `gallery_<cohort>` of any other.
for figure, cohort in gallery_jobs.galleries(EXPERIMENT).items():
    GALLERY = gallery_jobs.gallery_settings(EXPERIMENT, cohort)

    rule:
        name:
            figure
        input:
            scores=SCORES,
            native=expand(rules.prepare.output.native, cohort=cohort),
            predictions=[f"{STUDY}/{gallery_jobs.run_of(GALLERY, column)}/predictions" for column in GALLERY.columns],
        output:
            png=shown(
                f"{STUDY}/figures/{figure}.png",
                figure if figure in gallery_jobs.FIGURES.values() else "gallery",
                "Figures",
                figure=figure.replace("_", ": ", 1).replace("figure", "Figure ").replace("gallery", "Gallery"),
            ),
            pdf=f"{STUDY}/figures/{figure}.pdf",
        log:
            f"{LOGS}/{figure}.log",
        conda:
            "../../envs/cpu.yaml"
        params:
            settings=jobs.canonical(GALLERY),
            results=lambda wildcards, output: os.path.dirname(os.path.dirname(output.png)),
        shell:
            "fewlabel gallery --settings {params.settings:q} --scores {input.scores} --results {params.results} "
            "--png {output.png} --pdf {output.pdf} > {log} 2>&1"

    PICTURES += [f"{STUDY}/figures/{figure}.png", f"{STUDY}/figures/{figure}.pdf"]


# ----------------------------------------------------------------------------------------------------------- pages
rule explorer:
    """One page to explore the study: label curves, volumes with predictions, differences, facts, settings."""
    input:
        scores=SCORES,
        stores=expand(rules.prepare.output.store, cohort=EXPERIMENT.cohorts),
        native=unshared(expand(rules.prepare.output.native, cohort=EXPERIMENT.cohorts)),
        predictions=unshared([f"{STUDY}/{run}/predictions" for run in jobs.run_folders(RUNS)]),
        runs=[f"{STUDY}/{run}/run.json" for run in [*PRETRAININGS, *jobs.run_folders(RUNS)]],
    output:
        page=f"{STUDY}/explorer.html",
    log:
        f"{LOGS}/explorer.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        settings=jobs.canonical(explorer_jobs.explorer_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(output.page),
    shell:
        "fewlabel explorer --settings {params.settings:q} --results {params.results} --page {output.page} > {log} 2>&1"


PICTURES += rules.explorer.output


# --------------------------------------------------------------------------------------------------------- targets
rule pictures:
    """All figures and pages that need volumes, weights or predictions."""
    input:
        PICTURES,
