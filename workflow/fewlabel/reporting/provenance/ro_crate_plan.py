"""What was planned: the Snakefile with its steps, and the engine that runs them."""

from collections.abc import Sequence

from fewlabel.reporting.provenance.jobs import Study
from fewlabel.reporting.provenance.ro_crate_actions import action_of, package, tool
from fewlabel.reporting.provenance.ro_crate_entities import Graph, Ref, local, ref

LICENSE = "https://spdx.org/licenses/Apache-2.0"
WORKFLOW = "Snakefile"


def add_workflow(graph: Graph, study: Study, inputs: Sequence[Ref], outputs: Sequence[Ref]) -> None:
    """The Snakefile, and its steps in their order, each of which is one command."""
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
    """Snakemake, which ran each step: once or, where its command ran several times, for several jobs."""
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
