# Figures and pages that need volumes, weights or predictions: drawn of a study's results only, never of a published study.
#
# What a rule makes is added to PICTURES right behind it (`PICTURES += rules.figure1_pretexts.output`): `pictures`, `all` and
# the record of the study ask for whatever stands there. A rule that a study has nothing to show for is not defined.

PICTURES = []


# --------------------------------------------------------------------------------------------------------- cohorts
QUALITY = [f"{STUDY}/tables/quality_{{cohort}}.{end}" for end in ("csv", "md", "html")]
SHEET = f"{STUDY}/figures/contact_sheet_{{cohort}}.png"


rule quality:
    """What went in: each volume of a cohort, and what of it is worth a look."""
    input:
        store=STORE,
        arrays=unshared(ARRAYS),
        roles=ROLES,
        native=unshared(NATIVE),
    output:
        csv=QUALITY[0],
        markdown=QUALITY[1],
    log:
        f"{LOGS}/{{cohort}}/quality.log",
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings(jobs.quality_settings),
        # What lies there is told by the store: of a folder, new dates alone would make the table again.
        native=lambda wildcards, input: input.get("native") or NATIVE.format(cohort=wildcards.cohort),
    shell:
        "fewlabel quality --settings {params.settings:q} --store {input.store} --roles {input.roles} "
        "--native {params.native:q} --csv {output.csv} --markdown {output.markdown} "
        "--threads {threads} > {log} 2>&1"


rule contact_sheet:
    """Slices of every subject of a cohort with its mask outlined, and one page of them and the table."""
    input:
        store=STORE,
        arrays=unshared(ARRAYS),
        quality=QUALITY[0],
    output:
        png=report(SHEET, **cohort_page("contact_sheet", "contact sheet")),
        html=report(QUALITY[2], **cohort_page("quality", "volumes and warnings")),
    log:
        f"{LOGS}/{{cohort}}/contact_sheet.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=settings(jobs.contact_sheet_settings),
    shell:
        "fewlabel contact-sheet --settings {params.settings:q} --store {input.store} --quality {input.quality} "
        "--png {output.png} --html {output.html} > {log} 2>&1"


PICTURES += expand([*QUALITY, SHEET], cohort=EXPERIMENT.cohorts)


# -------------------------------------------------------------------------------------------------------- pretexts
if PRETEXTS := jobs.pretexts_settings(EXPERIMENT):

    rule figure1_pretexts:
        """What the pretexts ask of a network and what it answers, on slices of one cohort."""
        input:
            store=expand(STORE, cohort=PRETEXTS.cohort),
            arrays=unshared(expand(ARRAYS, cohort=PRETEXTS.cohort)),
            roles=expand(ROLES, cohort=jobs.shown_part(PRETEXTS)),
            pretexts=[
                expand(PRETEXT, cohort=jobs.shown_part(PRETEXTS), method=method)
                for method in (PRETEXTS.regression, PRETEXTS.contrastive)
                if method
            ],
        output:
            png=shown(
                f"{STUDY}/figures/figure1_pretexts.png",
                "figure1_pretexts",
                "Figures",
                figure="Figure 1: the pretexts",
                **jobs.pretexts_labels(PRETEXTS),
            ),
            pdf=f"{STUDY}/figures/figure1_pretexts.pdf",
        log:
            f"{LOGS}/figure1_pretexts.log",
        conda:
            "../../envs/cpu.yaml"
        params:
            settings=jobs.canonical(PRETEXTS),
            pretrained=lambda wildcards, input: os.path.dirname(os.path.dirname(input.pretexts[0])),
        shell:
            "fewlabel pretexts --settings {params.settings:q} --store {input.store} --roles {input.roles} "
            "--pretrained {params.pretrained} --png {output.png} --pdf {output.pdf} > {log} 2>&1"

    PICTURES += rules.figure1_pretexts.output


if LOCAL := jobs.local_similarity_settings(EXPERIMENT):

    rule local_similarity:
        """How alike a point's local representation is to that of every other place, before and after stage 2."""
        input:
            store=expand(STORE, cohort=LOCAL.cohort),
            arrays=unshared(expand(ARRAYS, cohort=LOCAL.cohort)),
            roles=expand(ROLES, cohort=jobs.shown_part(LOCAL)),
            pretext=expand(PRETEXT, cohort=jobs.shown_part(LOCAL), method=LOCAL.method),
        output:
            png=shown(
                f"{STUDY}/figures/local_similarity.png",
                "local_similarity",
                "Figures",
                figure="Similar places",
                cohort=LOCAL.title.title,
                method=LOCAL.method_title.title,
            ),
            pdf=f"{STUDY}/figures/local_similarity.pdf",
        log:
            f"{LOGS}/local_similarity.log",
        conda:
            "../../envs/cpu.yaml"
        params:
            settings=jobs.canonical(LOCAL),
        shell:
            "fewlabel local-similarity --settings {params.settings:q} --store {input.store} --roles {input.roles} "
            "--pretext {input.pretext} --png {output.png} --pdf {output.pdf} > {log} 2>&1"

    PICTURES += rules.local_similarity.output


# ------------------------------------------------------------------------------------------------------- galleries
# One rule a cohort: figure 4 is of the liver, figure 5 of the prostate, `gallery_<cohort>` of any other.
for figure, cohort in jobs.galleries(EXPERIMENT).items():
    GALLERY = jobs.gallery_settings(EXPERIMENT, cohort)

    rule:
        name:
            figure
        input:
            scores=SCORES,
            native=expand(NATIVE, cohort=cohort),
            predictions=[LAYOUT.predictions(run) for run in jobs.runs_of(GALLERY)],
        output:
            png=shown(
                f"{STUDY}/figures/{figure}.png",
                figure if figure in jobs.FIGURES.values() else "gallery",
                "Figures",
                figure=figure.replace("_", ": ", 1).replace("figure", "Figure ").replace("gallery", "Gallery"),
                **jobs.gallery_labels(GALLERY),
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
        stores=expand(STORE, cohort=EXPERIMENT.cohorts),
        native=unshared(expand(NATIVE, cohort=EXPERIMENT.cohorts)),
        predictions=unshared([LAYOUT.predictions(run) for run in FINETUNINGS]),
        runs=[LAYOUT.record(run) for run in TRAININGS],
    output:
        page=LAYOUT.explorer,
    log:
        f"{LOGS}/explorer.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(60),
    params:
        settings=jobs.canonical(jobs.explorer_settings(EXPERIMENT)),
        results=lambda wildcards, output: os.path.dirname(output.page),
    shell:
        "fewlabel explorer --settings {params.settings:q} --results {params.results} --page {output.page} > {log} 2>&1"


PICTURES += rules.explorer.output


# --------------------------------------------------------------------------------------------------------- targets
rule pictures:
    """All figures and pages that need volumes, weights or predictions."""
    input:
        PICTURES,
