# The results page, the first page to read and the last output: the answer, all figures and tables, links to all else.


# ----------------------------------------------------------------------------------------------------- results page
rule results_page:
    """Write the results page: the answer, figures, tables, quality warnings, and links to all files."""
    input:
        rules.figures.input,
        rules.tables.input,
        # A published study has no other outputs.
        LINKED,
        scores=SCORES,
    output:
        page=LAYOUT.results_page,
    log:
        LAYOUT.log("results_page"),
    localrule: True
    conda:
        "../../envs/cpu.yaml"
    params:
        settings=canonical(EXPERIMENT.model_copy(update={"data_root": None})),
        results=lambda wildcards, output: os.path.dirname(output.page),
        # The page is the same for a checkout in another folder.
        captions=Unwatched(CAPTIONS),
        # A changed caption changes the page.
        texts=CAPTION_HASHES,
    message:
        "Write the results page (log: {log})"
    shell:
        "fewlabel results-page --settings {params.settings:q} --results {params.results} --captions {params.captions:q} "
        "--page {output.page} > {log} 2>&1"
