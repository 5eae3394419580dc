"""Numbers and lists as text: counts, sizes, durations, names."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """A number of things, such as `1 run` or `2 runs`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def size(count: float, decimals: int = 0) -> str:
    """Bytes with a decimal unit, such as `12 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.{decimals if count < 10 else 0}f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def duration(seconds: float) -> str:
    """Seconds in their two largest units, such as `2 h 5 min`."""
    whole = round(seconds)
    for size, unit, small, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def rounded(seconds: float) -> str:
    """Seconds in one unit, such as `2.1 h`: for estimates."""
    for unit, length in (("s", 1), ("min", 60)):
        if seconds < 100 * length:
            count = seconds / length
            return f"{count:.0f} {unit}" if count >= 10 or count == 0 else f"{count:.1f} {unit}"
    return f"{seconds / 3600:.1f} h"


def listed(names: Sequence[object], most: int = 10) -> str:
    """Names separated by commas: the first `most`, and the number of further ones."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(str(name) for name in names[:most]) + more


def first_lines(lines: Sequence[str], most: int = 10) -> list[str]:
    """The first `most` lines of a message, and the number of further ones."""
    return [*lines[:most], *([f"and {len(lines) - most} more"] if len(lines) > most else [])]
