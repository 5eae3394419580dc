"""Extensions that installed distributions register by entry points, as Snakemake's own plugins do."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

T = TypeVar("T")


def extended(
    group: str, builtin: Mapping[str, T], expected: str, problem: Callable[[str, object], str]
) -> tuple[dict[str, T], list[str]]:
    """The built-in members of a registry, followed by those of installed distributions, by name.

    Args:
        group: of entry points, such as `fewlabel.sources`; the name of an entry point is the name of the member.
        builtin: members by name.
        expected: what an entry point must refer to, for messages.
        problem: what is wrong with the object of an entry point, given its name; empty: nothing.

    Returns:
        All members, and one line for each entry point that does not fit. These are left out of the members: whoever
        starts work reports the lines as an `InputError`.
    """
    members, problems = dict(builtin), []
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        member, wrong = _loaded(entry)
        wrong = wrong or ("its name is already taken" if entry.name in members else problem(entry.name, member))
        if wrong:
            problems.append(_line(entry, wrong, expected))
        else:
            members[entry.name] = member  # type: ignore[assignment]  # `problem` has checked it
    return members, problems


def _loaded(entry: EntryPoint) -> tuple[object, str]:
    try:
        return entry.load(), ""
    except Exception as error:  # code of others: anything may be wrong with it
        reason = " ".join(str(error).split())
        return None, f"it cannot be imported ({type(error).__name__}: {reason})"


def _line(entry: EntryPoint, wrong: str, expected: str) -> str:
    name = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown distribution"
    remove = f"pip uninstall {entry.dist.name}" if entry.dist else "remove it"
    return (
        f"{name}: entry point {entry.name} = {entry.value} of {entry.group}: {wrong}; accepted: {expected}; to fix: "
        f"correct the distribution and install it again, or remove it ({remove})"
    )
