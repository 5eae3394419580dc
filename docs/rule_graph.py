"""The workflow's rules as a mermaid graph, without the arrows that follow from others.

    python docs/rule_graph.py          prints it
    python docs/rule_graph.py --write  puts it into README.md (`make readme`)

Left out: `all`, which asks for every end, and the gate `admit`, which exists only until it has run once.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(r"(?<=```mermaid\n).*?(?=```)", re.DOTALL)
LEFT_OUT = {"all", "admit"}


def workflow_graph() -> dict[str, set[str]]:
    """Of each rule, the rules that wait for it, as Snakemake tells of a study that has not begun."""
    command = ["snakemake", "--snakefile", ROOT / "Snakefile", "--rulegraph", "mermaid-js", "--quiet", "all"]
    with tempfile.TemporaryDirectory() as folder:
        text = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", text))
    graph: dict[str, set[str]] = {name: set() for name in names.values()}
    for first, then in re.findall(r"(id\d+) --> (id\d+)", text):
        graph[names[first]].add(names[then])
    return graph


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The transitive reduction of an acyclic graph, in its order."""

    def later(rule: str) -> set[str]:
        return graph[rule].union(*(later(then) for then in graph[rule]))

    return {rule: then - set().union(*(later(each) for each in then)) for rule, then in graph.items()}


def mermaid(graph: dict[str, set[str]]) -> str:
    """The graph's text; rules without arrows stand alone."""
    shown = {rule: sorted(then - LEFT_OUT) for rule, then in sorted(graph.items()) if rule not in LEFT_OUT}
    arrows = [f"    {rule} --> {then}" for rule, others in shown.items() for then in others]
    reached = {then for others in shown.values() for then in others}
    alone = [f"    {rule}" for rule, others in shown.items() if not others and rule not in reached]
    return "\n".join(["flowchart LR", *arrows, *alone]) + "\n"


def main() -> None:
    """Print the graph, or write it."""
    text = mermaid(reduced(workflow_graph()))
    if "--write" in sys.argv:
        README.write_text(BLOCK.sub(lambda _: text, README.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
