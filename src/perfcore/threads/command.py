"""``python -m perfcore threads``."""

from __future__ import annotations

from ..errors import MissingExtraError
from . import counts, remembered
from .pool import pools


def show() -> str:
    """How many threads there are to use and why, the pools, and what was measured on this machine."""
    bounds = ", ".join(f"{name} {'none' if count is None else count}" for name, count in counts.bounds().items())
    lines = [f"available     {counts.available()}  ({bounds})"]
    asked = counts.fault() or f"{counts.asked() or 'nothing'}  ({counts.VARIABLE})"
    lines += [f"asked for     {asked}", "pools"]
    lines += [f"  {pool.kind:<11} {pool.n_threads}  {pool.library}{_place(pool.path)}" for pool in pools()]
    try:
        file = remembered.path()
    except MissingExtraError as error:
        return "\n".join([*lines, f"measured      {error}"])
    plans = remembered.read().get(remembered.machine(), {})
    lines.append(f"measured      {file}, for {remembered.machine()}")
    for plan, buckets in plans.items():
        for bucket, found in buckets.items():
            taken = ", ".join(f"{count}: {seconds * 1e3:.3g} ms" for count, seconds in found["seconds"].items())
            rows = f"{1 << int(bucket):,} rows and more"
            lines.append(f"  {plan}  {rows:>24}  {found['n_threads']} threads  ({taken}; {found['when']})")
    return "\n".join(lines if plans else [*lines, "  nothing yet: perfcore.threads.tune(predictor, shapes) measures"])


def _place(path: str | None) -> str:
    return "" if path is None else f"  {path}"
