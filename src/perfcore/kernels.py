"""Which kernel answers calls of which size: the cost model's choice, unless it is forced; and why, in words."""

from __future__ import annotations

import os

from ._ext.forest import KERNELS, ForestKernel
from .errors import ConfigurationError

MOST_ROWS = 1_000_000


def chosen(kernel: str | None) -> str:
    """The name of the kernel to make: the argument, else ``PERFCORE_KERNEL``, else "auto"."""
    name = (os.environ.get("PERFCORE_KERNEL") or "auto") if kernel is None else kernel
    if name not in KERNELS:
        came = f"PERFCORE_KERNEL={name!r}" if kernel is None else f"kernel={kernel!r}"
        raise ConfigurationError(f"{came}: allowed are {', '.join(KERNELS)}")
    return name


def make(forest, kernel: str | None, isa: str) -> ForestKernel:
    """The forest made ready; an argument that names a kernel which cannot take it is refused with the reason."""
    made = ForestKernel(forest, chosen(kernel), isa)
    if kernel and (reason := made.why_not(kernel)):
        raise ConfigurationError(f"kernel={kernel!r} cannot take this forest: {reason}")
    return made


def ranges(made: ForestKernel) -> list[tuple[int, int | None, str]]:
    """(first, last, kernel) for runs of call sizes that one kernel answers; the last run is open."""
    firsts, size = [1], 1
    while size < MOST_ROWS:
        low, high = size, 2 * size
        if made.kernel_for(low) != made.kernel_for(high):
            while high - low > 1:
                middle = (low + high) // 2
                if made.kernel_for(middle) == made.kernel_for(size):
                    low = middle
                else:
                    high = middle
            firsts.append(high)
        size = high
    lasts = [first - 1 for first in firsts[1:]]
    return [(first, last, made.kernel_for(first)) for first, last in zip(firsts, [*lasts, None], strict=True)]


def explain(made: ForestKernel) -> str:
    """A table of call sizes: what each kernel is expected to take, and which is chosen; and why others cannot."""
    runs = ranges(made)
    sizes = sorted({first for first, _, _ in runs} | {1, 10, 100, 1_000, 100_000})
    lines = ["expected time a row on one thread, by rows a call; * marks the choice"]
    names = sorted({name for size in sizes for name in made.costs(size)}, key=KERNELS.index)
    lines.append(f"  {'rows a call':>11}" + "".join(f"{name:>14}" for name in names))
    for size in sizes:
        costs, best = made.costs(size), made.kernel_for(size)
        cells = (f"{time(costs[name] / size)}{'*' if name == best else ' '}" for name in names)
        lines.append(f"  {size:>11,}" + "".join(f"{cell:>14}" for cell in cells))
    lines += [f"  {name}: not taken: {why}" for name in KERNELS if (why := made.why_not(name))]
    if made.asked != "auto":
        lines.append(f"  {made.asked} was asked for; without that, the cost model chooses")
    return "\n".join(lines)


def time(nanoseconds: float) -> str:
    """A duration to three digits, in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def describe(made: ForestKernel) -> str:
    """One line: the kernels by call size, as "lanes to 12 rows, then bitslice"."""
    parts = [
        f"{name} to {last:,} row{'s' if last > 1 else ''}" if last else f"{'then ' if first > 1 else ''}{name}"
        for first, last, name in ranges(made)
    ]
    return ", ".join(parts)
