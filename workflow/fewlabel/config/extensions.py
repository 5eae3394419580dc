"""Objects that other installed packages register by entry points, as Snakemake finds its own plugins."""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from fewlabel.utils.errors import InputError, plain

Kind = TypeVar("Kind")


_PROBLEMS: dict[str, list[str]] = {}
"""By group; kept until a command can print them, since groups are read while settings are imported."""


def refuse_misfits() -> None:
    """Refuse to go on if an entry point of any group that was read does not fit.

    Raises:
        InputError: a line for each, with its package and what to do.
    """
    if problems := [line for lines in _PROBLEMS.values() for line in lines]:
        raise InputError.of(problems)


def extensions(
    group: str, kind: type[Kind], taken: Iterable[str], misfits: Callable[[str, Kind], Iterable[str]]
) -> dict[str, Kind]:
    """Import the specifications that installed packages register in a group; none that does not fit.

    Nothing is raised: see `refuse_misfits`.

    Args:
        group: of entry points.
        kind: the class of specifications.
        taken: names of the built-in ones.
        misfits: what is wrong with a specification of that name, a sentence each with what is accepted.

    Returns:
        Specifications by name, in alphabetical order.
    """
    found: dict[str, Kind] = {}
    problems = _PROBLEMS[group] = []
    owners = dict.fromkeys(taken, "fewlabel itself")
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, distribution(entry))):
        wrong = []
        if entry.name in owners:
            wrong = [f"the name {entry.name!r} is taken by {owners[entry.name]}; accepted: another name"]
        else:
            try:
                specification = _loaded(entry, kind)
                wrong = list(misfits(entry.name, specification))
            except Exception as error:  # whatever a stranger's code raises
                wrong = [f"cannot be used ({plain(f'{type(error).__name__}: {error}')}); {_accepted(kind)}"]
            else:
                if not wrong:
                    found[entry.name] = specification
                    owners[entry.name] = distribution(entry)
        problems += [_problem(entry, text) for text in wrong]
    return found


def distribution(entry: EntryPoint) -> str:
    """The package that an entry point belongs to, with its version."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without metadata"


def implementation(reference: str, owner: str) -> Any:
    """Import what a specification names as "module:attribute".

    Args:
        reference: of the implementation.
        owner: the specification, for the message.

    Raises:
        InputError: it cannot be imported, or there is no such attribute.
    """
    module, _, attribute = reference.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:  # whatever a stranger's module raises
        raise InputError(
            f"{owner}: its implementation {reference!r} cannot be imported ({plain(str(error))}); accepted: "
            "'module:attribute' of an installed package; to fix: install the package of the extension again, or "
            "report this to its authors"
        ) from None


def _loaded(entry: EntryPoint, kind: type[Kind]) -> Kind:
    loaded = entry.load()
    if not isinstance(loaded, kind):
        raise TypeError(f"an object of the class {type(loaded).__qualname__}")
    return loaded


def _accepted(kind: type) -> str:
    return (
        "accepted: a class"
        if kind is type
        else f"accepted: an object of the class {kind.__module__}.{kind.__qualname__}"
    )


def _problem(entry: EntryPoint, text: str) -> str:
    name = entry.dist.name if entry.dist else "its package"
    return (
        f"{distribution(entry)}, entry point {entry.name!r} in {entry.group!r} ({entry.value}): {text}; to fix: "
        f"install a version of {name} that fits this version of FewLabel, or remove it (pip uninstall {name})"
    )
