"""Contenders of one process, which take turns; asked as `benchmarks.worker` is, a line of JSON at a time."""

from __future__ import annotations

import ctypes
import gc
import itertools
import math
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import worker
from .baselines import BASELINES, Contender, Unable
from .rivals import RIVALS
from .scenarios import ALONE, ONE_THREAD, OWN, POLICIES, WIDTH

LEAST = 0.05  # seconds of a round
HELD = 0.99


def kind(side: str) -> type[Contender]:
    """Who answers by that name."""
    name = side.removesuffix(ALONE).removesuffix(ONE_THREAD)
    if not name.startswith(OWN):
        return (BASELINES | RIVALS)[name]
    from .own import of_policy

    return of_policy(name.removeprefix(OWN).strip() or POLICIES[0])


class Job:
    """Sides of a scenario, prepared and checked; `round` times each of them once."""

    def __init__(self, does: str, sides: list[str], rows: int, batch: int, keys: int, least: float = LEAST):
        self._rng = np.random.default_rng(1)
        self._rows, self._batch, self._n = rows, batch, keys // batch * batch
        self._keys = self._fresh(rows)
        self._table = self._rng.random((rows, WIDTH), np.float32)
        self._out, self._row = np.empty((batch, WIDTH), np.float32), np.empty(WIDTH, np.float32)
        self._chosen = self._rng.integers(0, rows, self._n)
        self._does = does
        self._contenders: dict[str, Contender] = {}
        self._told: dict[str, dict] = {}
        self._time: dict[str, Callable[[], float]] = {}
        self._repeats: dict[str, int] = {}
        for side in sides:
            try:
                self._time[side] = getattr(self, f"_{does}")(side)
                contender = self._contenders[side]
                self._told[side] = {"answers": "same bits", "version": contender.version, "call": contender.call}
                # Once, to warm up; later rounds have so many repeats that they last for a while.
                seconds = max(self._time[side](), 1e-9)
                self._repeats[side] = max(1, math.ceil(least / seconds))
                self._told[side]["seconds"] = seconds * self._repeats[side]
            except Unable as reason:
                self._told[side] = {"skipped": str(reason)}
            except Exception as error:  # any failure of a side is the runner's to report
                self._told[side] = {"error": f"{type(error).__name__}: {error}"}

    def told(self) -> dict:
        """By side: its version, how it is asked and the seconds of a round; or why it is not asked."""
        return self._told

    def round(self, sides: list[str]) -> dict:
        """Nanoseconds a key, by side; in the order that they are named in."""
        found = {}
        for side in sides:
            gc.collect()
            gc.disable()
            seconds = sum(self._time[side]() for _ in range(self._repeats[side])) / self._repeats[side]
            gc.enable()
            found[side] = seconds / self._n * 1e9
        return found

    def close(self) -> dict:
        for contender in self._contenders.values():
            contender.close()
        return {}

    # -- what they do: each prepares and checks a side, and gives what times it --------------------------

    def _get_many(self, side: str) -> Callable[[], float]:
        contender = self._filled(side)
        parts = [contender.hand(self._keys[each]) for each in self._chosen.reshape(-1, self._batch)]
        out = self._out

        def time() -> float:
            begin = perf_counter()
            for part in parts:
                contender.get_many(part, out)
            return perf_counter() - begin

        return time

    def _get_one(self, side: str) -> Callable[[], float]:
        contender, row = self._filled(side), self._row
        keys = contender.hand_each(self._keys[self._chosen])
        contender.get_each(keys[-1:], row)
        self._compare(self._table[self._chosen[-1]], row)

        def time() -> float:
            begin = perf_counter()
            contender.get_each(keys, row)
            return perf_counter() - begin

        return time

    def _put_many(self, side: str) -> Callable[[], float]:
        parts = list(self._parts(self._filled(side), self._keys))

        def time() -> float:
            self._contenders.pop(side).close()
            _trim()
            self._contenders[side] = new = self._new(side)
            begin = perf_counter()
            for keys, rows in parts:
                new.put_many(keys, rows)
            return perf_counter() - begin

        return time

    def _evict(self, side: str) -> Callable[[], float]:
        contender = self._filled(side)
        contender.bound()

        def time() -> float:
            parts = list(self._parts(contender, self._fresh(self._n)))
            begin = perf_counter()
            for keys, rows in parts:
                contender.put_many(keys, rows)
            return perf_counter() - begin

        return time

    def _threads(self, side: str) -> Callable[[], float]:
        contender = self._filled(side)
        n_threads, per_thread = (1 if side.endswith(ONE_THREAD) else 2), self._n // self._batch // 2
        chosen = self._rng.integers(0, self._rows, (n_threads, per_thread, self._batch))
        chosen[..., self._batch // 2] = 7  # the hot key
        parts = [[contender.hand(self._keys[each]) for each in of_one] for of_one in chosen]
        puts = [{i: self._table[each[i]] for i in range(19, per_thread, 20)} for each in chosen]
        blocks = [np.empty_like(self._out) for _ in range(n_threads)]
        if not side.startswith(OWN):
            puts = [{}] * n_threads

        def ask(i: int) -> None:
            for number, part in enumerate(parts[i]):
                if number in puts[i]:
                    contender.put_many(part, puts[i][number])
                else:
                    contender.get_many(part, blocks[i])

        def time() -> float:
            begin = perf_counter()
            threads = [threading.Thread(target=ask, args=(i,)) for i in range(1, n_threads)]
            for thread in threads:
                thread.start()
            ask(0)
            for thread in threads:
                thread.join()
            return (perf_counter() - begin) * 2 / n_threads

        return time

    def _pinned(self, side: str) -> Callable[[], float]:
        from .own import Perfcore

        contender = self._filled(side, max_pinned=1.0)
        assert isinstance(contender, Perfcore)
        n_held = int(HELD * self._rows)
        held = [] if side.endswith(ALONE) else [contender.cache.view(key) for key in self._keys[:n_held].tolist()]
        chosen = self._keys[self._rng.integers(0, n_held, (self._n // self._batch // 2, self._batch))]

        def time() -> float:
            parts = list(self._parts(contender, self._fresh(chosen.size)))
            begin = perf_counter()
            for (keys, rows), others in zip(parts, chosen, strict=True):
                contender.put_many(keys, rows)
                contender.get_many(others, self._out)
            seconds = perf_counter() - begin
            if held and not contender.cache.contains_many(chosen[-1]).all():
                raise WrongAnswer("rows that views hold are gone")
            stats = contender.cache.stats()
            rejected = stats["rejected"] / (stats["rejected"] + stats["inserts"] - self._rows)
            self._told[side]["note"] = f"{rejected:.0%} of the puts were rejected"
            return seconds

        return time

    # -- space -------------------------------------------------------------------------------------------

    def _space(self, side: str) -> Callable[[], float]:
        self._table = self._table[:0]  # its rows are made anew, a part at a time
        small = kind(side)(self._batch, WIDTH)  # so that what is imported is there before
        for keys, rows in itertools.islice(self._made(), 1):
            small.put_many(small.hand(keys[: self._batch]), rows[: self._batch])
        small.close()
        del small, keys, rows
        contender = self._contenders[side] = self._new(side)
        pids = ["self", *map(str, contender.processes())]
        _trim()
        before = sum(map(_resident, pids))
        for keys, rows in self._made():
            contender.put_many(contender.hand(keys), rows)
        del keys, rows
        _trim()
        resident = sum(map(_resident, pids)) - before
        for keys, rows in self._made():
            contender.get_many(contender.hand(keys), out := np.empty_like(rows))
            self._compare(rows, out)
        self._bytes = {"bytes": resident / self._rows - 4 * WIDTH}
        return lambda: 0.0

    def traced(self, side: str) -> dict:
        """Bytes a row beside the payload, as tracemalloc has them."""
        if len(pids := self._contenders[side].processes()):
            return {"skipped": f"{len(pids)} other processes"}
        self._contenders.pop(side).close()
        gc.collect()
        tracemalloc.start()
        contender = self._contenders[side] = self._new(side)
        for keys, rows in self._made():
            contender.put_many(contender.hand(keys), rows)
        del keys, rows
        gc.collect()
        found = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return {"traced": found / self._rows - 4 * WIDTH}

    def space(self) -> dict:
        return self._bytes

    def _made(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(2)
        for first in range(0, self._rows, 8_192):
            keys = self._keys[first : first + 8_192]
            yield keys, rng.random((len(keys), WIDTH), np.float32)

    # -- what they share ---------------------------------------------------------------------------------

    def _new(self, side: str, **settings: Any) -> Contender:
        return kind(side)(self._rows, WIDTH, **settings)

    def _filled(self, side: str, **settings: Any) -> Contender:
        """A contender with all rows, each of which it has given back right."""
        contender = self._contenders[side] = self._new(side, **settings)
        for keys, rows in self._parts(contender, self._keys):
            contender.put_many(keys, rows)
        for first in range(0, self._rows - self._batch, self._batch):
            part = slice(first, first + self._batch)
            self._out[:] = np.nan
            got = contender.get_many(contender.hand(self._keys[part]), self._out)
            self._compare(self._table[part], self._out if got is None else got)
        return contender

    def _compare(self, expected: np.ndarray, got: np.ndarray) -> None:
        if expected.dtype != got.dtype or expected.shape != got.shape or expected.tobytes() != got.tobytes():
            raise WrongAnswer(f"{np.mean(expected != got):.0%} of the numbers are wrong")

    def _parts(self, contender: Contender, keys: np.ndarray) -> Iterator[tuple[Any, np.ndarray]]:
        """Keys as it likes them, a call at a time, and rows for them."""
        for first in range(0, len(keys), self._batch):
            part = keys[first : first + self._batch]
            rows = self._table[first : first + len(part)]
            yield contender.hand(part), rows

    def _fresh(self, n: int) -> np.ndarray:
        """Keys that were not there before: all of them unlike, as 64 random bits are."""
        return self._rng.integers(-(2**63), 2**63 - 1, n)


class WrongAnswer(Exception):
    """A contender does not give the rows that were put."""


def _trim() -> None:
    """Gives free memory back to the system: a new contender is not to find some that is at hand already."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(pid: str) -> int:
    """Bytes of memory that are a process's own, with its part of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        raise Unable("/proc/PID/smaps_rollup is not there") from None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    worker.main(Job)
