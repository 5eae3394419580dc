"""The provenance of a study as a Provenance Run Crate (RO-Crate), from each number back to its sources.

Profiles: https://w3id.org/ro/wfrun/provenance/0.5 and those that it extends, on RO-Crate 1.1. The workflow is the
Snakefile; each command is a step; each job is an action. Files outside the crate (weights, slices) are listed with
SHA-256 and size, by which one action's output is another's input.
"""

from collections.abc import Sequence
from datetime import datetime

from rocrate.model import ContextEntity, File
from rocrate.rocrate import ROCrate

from fewlabel.config.experiment import Experiment
from fewlabel.data.subjects.licences import terms
from fewlabel.reporting import paper
from fewlabel.reporting.cohort_text import channels_text, classes_text
from fewlabel.reporting.provenance.jobs import RecordedJob, Study, moment
from fewlabel.reporting.provenance.ro_crate_actions import action_of, add_action, package, tool
from fewlabel.reporting.provenance.ro_crate_entities import Graph, Ref, leaves, local, media_type, ref, schema_type
from fewlabel.utils.atomic_files import sha256

LICENSE = "https://spdx.org/licenses/Apache-2.0"
WORKFLOW = "Snakefile"


def add_workflow(graph: Graph, study: Study, inputs: Sequence[Ref], outputs: Sequence[Ref]) -> None:
    """The Snakefile, with one step for each command, in order."""
    language = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
    graph.add(
        language, "ComputerLanguage", name="Snakemake", url=ref("https://snakemake.readthedocs.io"),
        identifier=ref("https://doi.org/10.12688/f1000research.29032"), version=study.versions["snakemake"],
    )  # fmt: skip
    tools = []
    for command in dict.fromkeys(job.command for job in study.jobs):
        text, version = study.commands[command], study.versions["fewlabel"]
        tools.append(
            graph.add(
                tool(command), "SoftwareApplication", name=f"fewlabel {command}", description=text,
                softwareVersion=version,
            )
        )  # fmt: skip
    steps = [
        graph.add(
            _step(at["@id"]), "HowToStep", name=graph.entities[at["@id"]]["name"], position=number, workExample=at
        )
        for number, at in enumerate(tools, start=1)
    ]
    graph.add(
        WORKFLOW, ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"], name="FewLabel",
        description="How few labelled volumes a segmentation network needs.", version=study.versions["fewlabel"],
        conformsTo=ref("https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"),
        license=ref(LICENSE), programmingLanguage=ref(language), input=list(inputs), output=list(outputs),
        hasPart=tools, step=steps,
    )  # fmt: skip


def add_engine(graph: Graph, study: Study, run: Ref) -> None:
    """Snakemake, with the jobs that it ran for each step."""
    version = study.versions["snakemake"]
    page = package("snakemake", version)
    engine = graph.add(page, "SoftwareApplication", name="Snakemake", softwareVersion=version, url=page)
    by_command: dict[str, list[Ref]] = {}
    for job in study.jobs:
        by_command.setdefault(job.command, []).append(ref(action_of(job)))
    controls = [
        graph.add(
            local("step", command, "control"), "ControlAction", name=f"all jobs of {command}",
            instrument=ref(_step(tool(command))), object=jobs,
        )
        for command, jobs in by_command.items()
    ]  # fmt: skip
    graph.add(
        "#engine", "OrganizeAction", name=f"Run of Snakemake {version}", instrument=engine, object=controls, result=run
    )


def _step(identifier: str) -> str:
    return f"{identifier}/step"


TERMS = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}


def study_crate(study: Study) -> ROCrate:
    """The crate of a study; equal facts give an equal crate."""
    graph = Graph({sha256(file): path for path, file in study.files.items()})
    actions = [_job(graph, study, job) for job in study.jobs]
    inputs, settings = _parameters(graph, study.experiment)
    outputs, results = _results(graph, study)
    run = _run(graph, study, settings, results)
    add_workflow(graph, study, inputs, outputs)
    add_engine(graph, study, run)
    _root(graph, study, [run, *actions])
    return _assembled(graph, study)


# ------------------------------------------------------------------------------------------------- what was run
def _job(graph: Graph, study: Study, job: RecordedJob) -> Ref:
    action = add_action(graph, job, study.commands[job.command])
    if job.command == "fetch":
        graph.add(action["@id"], "CreateAction", object=[_cohort(graph, study, job.place)])
    return action


def _cohort(graph: Graph, study: Study, name: str) -> Ref:
    """A cohort with the origin of its volumes, which are not in the crate."""
    cohort = study.experiment.cohorts[name]
    statement = terms(cohort)
    facts = {
        "classes": classes_text(cohort.source),
        "channels": channels_text(cohort.source),
        "licence": statement.licence,
        "citation": statement.citation,
        "MD5 of the archive": getattr(cohort.source, "md5", None),
        "fingerprint of the files": study.fingerprints.get(name),
    }
    return graph.add(
        local("cohort", name),
        "Dataset",
        name=cohort.title or name,
        description=cohort.source.description,
        url=getattr(cohort.source, "url", None),
        additionalProperty=[graph.value(what, value) for what, value in facts.items() if value],
    )


def _run(graph: Graph, study: Study, settings: Sequence[Ref], results: Sequence[Ref]) -> Ref:
    """The run of the whole workflow, from the first start to the last end of the trainings, which record times."""
    starts, ends = ([time for job in study.jobs if (time := moment(job.facts, name))] for name in ("started", "ended"))
    return graph.add(
        "#run",
        "CreateAction",
        name=f"Run of the study {study.experiment.study}",
        description="All jobs of the workflow, from volumes to figures and tables.",
        instrument=ref(WORKFLOW),
        object=[*settings, *(ref(local("cohort", name)) for name in study.experiment.cohorts)],
        result=list(results),
        startTime=min(starts, key=datetime.fromisoformat, default=None),
        endTime=max(ends, key=datetime.fromisoformat, default=None),
    )


def _parameters(graph: Graph, experiment: Experiment) -> tuple[list[Ref], list[Ref]]:
    """Every setting of the experiment, as a parameter of the workflow and as its value."""
    parameters, values = [], []
    for name, value in leaves(experiment.model_dump(mode="json")):
        what = graph.add(local("parameter", name), "FormalParameter", name=name, additionalType=schema_type(value))
        parameters.append(what)
        values.append(graph.add(local("setting", name), "PropertyValue", name=name, value=value, exampleOfWork=what))
    return parameters, values


def _results(graph: Graph, study: Study) -> tuple[list[Ref], list[Ref]]:
    """Scores, figures and tables, as outputs of the workflow and as files."""
    paths = [path for path in study.files if path.startswith(("scores.csv", "figures/", "tables/"))]
    outputs = [
        graph.add(
            local("output", path), "FormalParameter", name=path, additionalType="File", encodingFormat=media_type(path)
        )
        for path in paths
    ]
    return outputs, [graph.add(path, "File", exampleOfWork=output) for path, output in zip(paths, outputs, strict=True)]


# ------------------------------------------------------------------------------------------------- the crate itself
def _root(graph: Graph, study: Study, actions: Sequence[Ref]) -> None:
    for address, (name, version) in PROFILES.items():
        graph.add(address, "CreativeWork", name=name, version=version)
    graph.add(LICENSE, "CreativeWork", name="Apache-2.0", description="Apache License, Version 2.0, of the workflow")
    graph.add(paper.DOI, "ScholarlyArticle", name=paper.TITLE, description=paper.CITATION)
    graph.add(
        "./", "Dataset", name=f"FewLabel study {study.experiment.study}",
        description="The jobs of the study with inputs, settings and software, from volumes to figures and tables.",
        datePublished=study.published, license=ref(LICENSE), citation=ref(paper.DOI), mainEntity=ref(WORKFLOW),
        conformsTo=[ref(address) for address in PROFILES], mentions=list(actions),
    )  # fmt: skip


def _assembled(graph: Graph, study: Study) -> ROCrate:
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.metadata["conformsTo"] = [ref("https://w3id.org/ro/crate/1.1"), ref(list(PROFILES)[-1])]
    graph.add("README.md", "File", about=ref("./"))
    for path, file in study.files.items():
        entity = {"name": path, **graph.entities.pop(path, {"@type": "File"})}
        size = str(file.stat().st_size)
        facts = {"sha256": sha256(file), "contentSize": size, "encodingFormat": media_type(path)}
        crate.add(File(crate, file, path, properties={**entity, **facts}))
    for key, value in graph.entities.pop("./").items():
        if not key.startswith("@"):
            crate.root_dataset[key] = value
    for identifier, properties in graph.entities.items():
        crate.add(ContextEntity(crate, identifier, properties=properties))
    return crate
