"""Objects that other installed packages register by entry points, as Snakemake finds its own plugins."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from fewlabel.utils.errors import InputError, plain

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Extensions(Generic[Kind]):
    """What installed packages register in one group.

    Attributes:
        found: specifications that fit, by name, in alphabetical order.
        problems: one line for each entry point that does not fit, with its package and what to do.
    """

    found: Mapping[str, Kind] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def extensions(
    group: str, kind: type[Kind], taken: Iterable[str], misfits: Callable[[str, Kind], Iterable[str]]
) -> Extensions[Kind]:
    """Import the specifications that installed packages register in a group; none that does not fit.

    Args:
        group: of entry points.
        kind: the class of specifications.
        taken: names of the built-in ones.
        misfits: what is wrong with a specification of that name, a sentence each with what is accepted.

    Returns:
        Specifications and problems; nothing is raised, since modules are imported before a command can print errors.
    """
    found: dict[str, Kind] = {}
    problems: list[str] = []
    owners = dict.fromkeys(taken, "fewlabel itself")
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, distribution(entry))):
        wrong = []
        if entry.name in owners:
            wrong = [f"the name {entry.name!r} is taken by {owners[entry.name]}; accepted: another name"]
        else:
            specification = _loaded(entry, kind)
            wrong = [specification] if isinstance(specification, str) else list(misfits(entry.name, specification))
            if not wrong and not isinstance(specification, str):
                found[entry.name] = specification
                owners[entry.name] = distribution(entry)
        problems += [_problem(entry, text) for text in wrong]
    return Extensions(found, tuple(problems))


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


def _loaded(entry: EntryPoint, kind: type[Kind]) -> Kind | str:
    """What an entry point names; a text says why there is none."""
    accepted = f"accepted: an object of the class {kind.__module__}.{kind.__qualname__}"
    accepted = "accepted: a class" if kind is type else accepted
    try:
        loaded = entry.load()
    except Exception as error:  # whatever a stranger's module raises
        return f"cannot be imported ({plain(f'{type(error).__name__}: {error}')}); {accepted}"
    return loaded if isinstance(loaded, kind) else f"is of the class {type(loaded).__qualname__}; {accepted}"


def _problem(entry: EntryPoint, text: str) -> str:
    name = entry.dist.name if entry.dist else "its package"
    return (
        f"{distribution(entry)}, entry point {entry.name!r} in {entry.group!r} ({entry.value}): {text}; to fix: "
        f"install a version of {name} that fits this version of FewLabel, or remove it (pip uninstall {name})"
    )
