"""``python -m benchmarks.hit_ratios FOLDER``: hit ratios of the policies on the traces below a folder.

Every request is asked for alone, and put where it was not there. Beside the policies stand the best that any could
reach, which knows what will be asked for, and libCacheSim's S3-FIFO where that is installed. A policy that is above
the best possible, or a cache above its capacity, is an error.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from heapq import heappop, heappush
from pathlib import Path

import numpy as np

from . import traces

PARTS = (1, 2, 5, 10, 20, 40, 60)  # capacities, in % of the trace's keys
BEST, LRU, SIMULATED = "best possible", "lru_exact", "s3fifo, libCacheSim"
ENOUGH = 50  # requests a row of capacity, from which on `adaptive` is to have found out
NEVER = 2**62


@dataclass(frozen=True)
class Cell:
    """A trace at a capacity; ``hits`` are in % of the requests."""

    trace: str
    part: float
    capacity: int
    requests: int
    keys: int
    hits: dict[str, float]


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    folder = Path(asked.folder)
    if not folder.is_dir():
        print(f"{folder} is no folder", file=sys.stderr)
        return 2
    binary = dict(each.split("=", 1) for each in asked.binary)
    places, cells = [], []
    for path in traces.files(folder):
        try:
            n_keys = int(_trace(path, tuple(binary.items())).max()) + 1
        except (traces.NoTrace, ValueError, KeyError) as reason:
            print(f"left out: {reason}", file=sys.stderr)
            continue
        name = str(path.relative_to(folder)).partition(".")[0]
        places += [(name, path, tuple(binary.items()), part, n_keys) for part in asked.capacity]
    if not places:
        print(f"{folder}: no traces", file=sys.stderr)
        return 2
    for line in _header():
        print(line)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for cell in pool.map(_measured, places):
            cells.append(cell)
            print(_row(cell), flush=True)
    print(*_summary(cells), sep="\n")
    if asked.json:
        Path(asked.json).write_text(json.dumps([asdict(cell) for cell in cells], indent=1), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hit_ratios", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="traces, at any depth; benchmarks/traces.py says in which formats")
    parser.add_argument(
        "--capacity", nargs="+", type=float, default=PARTS, metavar="PERCENT",
        help="of the trace's keys (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--binary", nargs="+", default=[], metavar="NAME=DTYPE", help="numbers that binary files hold, as in 'a*=>u8'"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    parser.add_argument("--json", metavar="FILE", help="write the table there too")
    return parser


# -- one cell --------------------------------------------------------------------------------------------


@cache
def _trace(path: Path, binary: tuple) -> np.ndarray:
    return traces.read(path, dict(binary))


def _measured(place: tuple) -> Cell:
    name, path, binary, part, n_keys = place
    trace, capacity = _trace(path, binary), max(1, round(part / 100 * n_keys))
    hits = {BEST: best_possible(trace, capacity)}
    hits |= {policy: of_policy(trace, capacity, policy) for policy in _policies()}
    if importlib.util.find_spec("libcachesim") and capacity >= 10:  # with less it ends the process
        hits[SIMULATED] = simulated(trace, capacity)
    above = [policy for policy in hits if hits[policy] > hits[BEST]]
    if above:
        raise AssertionError(f"{name} at {capacity}: {', '.join(above)} above the best possible: {hits}")
    return Cell(name, part, capacity, len(trace), n_keys, {of: 100 * n / len(trace) for of, n in hits.items()})


def of_policy(trace: np.ndarray, capacity: int, policy: str) -> int:
    """Hits of a cache of that policy, asked for one key at a time by one thread."""
    from perfcore._ext.cache import RowCache

    # Beneath FeatureCache, whose checks take longer than the cache, and with a seed: the same hits every time.
    rows = RowCache(capacity, 8, policy, False, seed=1)
    get, put, row, its, misses = rows.get_one, rows.put, np.empty(1, np.int64), np.empty(1, np.int64), 0
    shape, dtype = row.shape, row.dtype
    for key in trace.tolist():
        if get(key, row, shape, dtype) is None:
            misses += 1
            its[0] = key
            put(its, its, None, None)
            if len(rows) > capacity:
                raise AssertionError(f"{policy}: {len(rows)} rows, the capacity is {capacity}")
    return len(trace) - misses


def best_possible(trace: np.ndarray, capacity: int) -> int:
    """Hits of one who keeps what is asked for again the soonest; what is asked for later than all else is not kept."""
    kept: set[int] = set()  # when what is kept will be asked for: a key is there if it is kept for now
    farthest: list[int] = []  # a heap of the same, negative, with times that have passed at its bottom
    hits = 0
    for now, again in enumerate(_next_requests(trace).tolist()):
        if now in kept:
            kept.remove(now)
            hits += 1
        if again != NEVER:
            kept.add(again)
            heappush(farthest, -again)
            if len(kept) > capacity:
                kept.remove(-heappop(farthest))
    return hits


def _next_requests(trace: np.ndarray) -> np.ndarray:
    order = np.argsort(trace, kind="stable")
    same = trace[order[1:]] == trace[order[:-1]]
    again = np.full(len(trace), NEVER)
    again[order[:-1][same]] = order[1:][same]
    return again


def simulated(trace: np.ndarray, capacity: int) -> int:
    import libcachesim

    simulator, request = libcachesim.S3FIFO(capacity), libcachesim.Request()
    request.obj_size, get, hits = 1, simulator.get, 0
    for key in trace.tolist():
        request.obj_id = key
        hits += get(request)
    return hits


def _policies() -> tuple[str, ...]:
    from perfcore._ext.cache import POLICIES

    return POLICIES


# -- the table -------------------------------------------------------------------------------------------


def _columns() -> list[str]:
    return [BEST, LRU, *(policy for policy in _policies() if policy != LRU)] + (
        [SIMULATED] if importlib.util.find_spec("libcachesim") else []
    )


def _header() -> list[str]:
    columns = ["trace", "capacity", "%", "requests a row", *_columns()]
    return [f"| {' | '.join(columns)} |", f"|---{'|--:' * (len(columns) - 1)}|"]


def _row(cell: Cell) -> str:
    told = [cell.trace, f"{cell.capacity:,}", f"{cell.part:g}", f"{cell.requests / cell.capacity:,.0f}"]
    return f"| {' | '.join([*told, *(f'{cell.hits[name]:.2f}' if name in cell.hits else '' for name in _columns())])} |"


def _summary(cells: list[Cell]) -> Iterator[str]:
    """Points, means and the least and the most of them, of what policies are held to."""
    yield ""
    for name in _columns():
        if name not in (BEST, LRU, SIMULATED):
            yield _told(f"{name} less {LRU}", ((cell.hits[name] - cell.hits[LRU], cell) for cell in cells))
    if SIMULATED in _columns():
        pairs = ((cell.hits["s3fifo"] - cell.hits[SIMULATED], cell) for cell in cells if SIMULATED in cell.hits)
        yield _told("s3fifo less libCacheSim's", pairs)
    if "adaptive" in _columns():
        long = [cell for cell in cells if cell.requests >= ENOUGH * cell.capacity]
        pairs = ((cell.hits["adaptive"] - max(cell.hits["clock"], cell.hits["lfu"]), cell) for cell in long)
        yield _told(f"adaptive less the better of clock and lfu, from {ENOUGH} requests a row on", pairs)


def _told(what: str, pairs: Iterable[tuple[float, Cell]]) -> str:
    found = sorted(pairs, key=lambda pair: pair[0])
    if not found:
        return f"{what}: no such trace"
    ends = " to ".join(f"{points:+.2f} ({cell.trace} at {cell.part:g} %)" for points, cell in (found[0], found[-1]))
    return f"{what}: {np.mean([points for points, _ in found]):+.2f} points in the mean, {ends}"


if __name__ == "__main__":
    sys.exit(main())
