"""``python -m benchmarks.grid``: whether the source is ever faster, and whether the cost model chooses well."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from . import interval
from .cells import CELLS, Cell
from .kernels import Kernels, shape_of
from .models import ROOM
from .runner import WrongAnswer, compare
from .sides import Side, SideError, Worker

LARGEST_REGRET = 1.10  # what a wrong choice may cost against the best kernel
LADDER = (1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192)  # rows a call, for the cost model
MOST_PAIRS = 2_000_000


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    cells = [c for name, c in CELLS.items() if any(fnmatch(name, pattern) for pattern in asked.cells or "*")]
    if asked.list or not cells:
        print("\n".join(cell.name for cell in cells) or f"no cell is named {' or '.join(asked.cells)}")
        return 0 if cells else 2
    isa = asked.isa or _best_isa()
    if asked.costs:
        Path(asked.costs).write_text(json.dumps(_head(isa) | {"costs": costs(cells, isa)}, indent=0), encoding="utf-8")
        return 0
    if asked.check:
        cells = list({cell.tiny().name: cell.tiny() for cell in cells}.values())
    results = run(cells, isa, 0 if asked.check else max(6, asked.rounds))
    if asked.json:
        document = _head(isa) | {"rounds": asked.rounds, "cells": results}
        Path(asked.json).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    return verdict(results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grid", description=__doc__)
    parser.add_argument("--list", action="store_true", help="the cells")
    parser.add_argument("--cells", nargs="+", metavar="PATTERN", help="cells to run, as 'lgb-*-r1' (default: all)")
    parser.add_argument("--check", action="store_true", help="small forests and tables, answers only, no times")
    parser.add_argument("--isa", help="perfcore's instruction set (default: the best here)")
    parser.add_argument("--rounds", type=int, default=6, help="times a side is timed (default: %(default)s; from 6)")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--costs", metavar="FILE", help="instead: time every kernel for calls of 1 to 8,192 rows, for the cost model"
    )
    return parser


def _best_isa() -> str:
    from perfcore import isa

    return isa.chosen()


def _head(isa: str) -> dict:
    from .machine import describe

    return {"machine": describe() | {"instruction set": isa}, "date": time.strftime("%Y-%m-%d")}


# -- a run -----------------------------------------------------------------------------------------------


def run(cells: list[Cell], isa: str, rounds: int) -> dict[str, dict]:
    """A result a cell, printed as it comes; ``rounds=0`` only compares answers."""
    results: dict[str, dict] = {}
    pair = Pair(isa)
    for cell in cells:
        result = results[cell.name] = {}
        try:
            result |= pair.measure(cell, rounds)
            result |= _choice(cell, isa, rounds)
        except (SideError, WrongAnswer) as error:
            result["error"] = f"{type(error).__name__}: {error}"
            pair.close()
        print(_line(cell.name, result), flush=True)
    pair.close()
    return results


class Pair:
    """The source and perfcore, a process each, kept from cell to cell of one framework."""

    def __init__(self, isa: str):
        self._sides = Side("source", "source"), Side("perfcore", "perfcore", environment={"PERFCORE_ISA": isa})
        self._workers: list[Worker] = []
        self._framework = ""

    def measure(self, cell: Cell, rounds: int) -> dict:
        if cell.framework != self._framework or not self._workers:
            self.close()
            self._framework, self._workers = cell.framework, [Worker(side) for side in self._sides]
        self._answer(cell)
        if not rounds:
            return {}
        ns = self._rounds(rounds)
        if interval.of_median(ns[0] / ns[1]).low < 1.2:  # a close one
            ns = np.concatenate([ns, self._rounds(3 * rounds)], axis=1)
        source, own = (interval.of_median(each).json() for each in ns)
        return {"source": source, "perfcore": own, "ratio": interval.of_median(ns[0] / ns[1]).json()}

    def _answer(self, cell: Cell) -> None:
        """Both sides' answers to the whole table, which must be the same bits."""
        folder = str(cell.folder())
        with tempfile.TemporaryDirectory(dir=ROOM) as aside:
            table = Path(aside) / "rows.npy"
            np.save(table, cell.table())
            answers = []
            for worker in self._workers:
                job = {"folder": folder, "framework": cell.framework, "threads": 1}
                worker.ask("prepare", adapter=worker.side.adapter, table=str(table), batch=cell.rows, **job)
                path = Path(aside) / f"{worker.side.name}.npy"
                worker.ask("answer", path=str(path), least=0.05)
                answers.append(np.load(path))
        compare(*answers, exact=True)

    def _rounds(self, n: int) -> np.ndarray:
        """Nanoseconds a row by side and round; the sides take turns in going first."""
        ns = np.empty((2, n))
        for i in range(n):
            for side in (0, 1) if i % 2 else (1, 0):
                ns[side, i] = self._workers[side].ask("round")["ns"]
        return ns

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []


def _choice(cell: Cell, isa: str, rounds: int) -> dict:
    kernels, X = Kernels(cell, isa), cell.table()
    unequal = kernels.unequal(X[:5_000])
    if unequal:
        raise WrongAnswer(f"kernel {' and '.join(unequal)}: other bits than {kernels.auto.kernel_for(cell.rows)}")
    if not rounds:
        return {}
    choice = kernels.choose(X, cell.rows)
    if choice.regret > 1.0:
        choice = kernels.choose(X, cell.rows, rounds=15)
    return {"choice": asdict(choice) | {"best": choice.best, "regret": choice.regret}}


def _line(name: str, result: dict) -> str:
    if "error" in result:
        return f"{name:<34} {result['error']}"
    if "ratio" not in result:
        return f"{name:<34} same bits"
    ratio, choice = result["ratio"], result["choice"]
    line = f"{name:<34} {result['source']['median']:>12,.0f} {result['perfcore']['median']:>12,.0f} ns/row"
    line += f" {ratio['median']:>8.1f} × ({ratio['low']:.1f} to {ratio['high']:.1f})  {choice['chosen']}"
    return line + (f", {choice['best']} is {choice['regret']:.2f} × as fast" if choice["regret"] > 1 else "")


def verdict(results: dict[str, dict]) -> int:
    """The worst cells by name, and 1 where an answer is wrong, the source is faster or a choice was too dear."""
    wrong = [name for name, result in results.items() if "error" in result]
    timed = {name: result for name, result in results.items() if "ratio" in result}
    print(f"\n{len(results)} cells, {len(wrong)} wrong{': ' if wrong else ''}{', '.join(wrong)}")
    if not timed:
        return 1 if wrong else 0
    worst = min(timed, key=lambda name: timed[name]["ratio"]["median"])
    ratio = timed[worst]["ratio"]
    slower = [name for name, result in timed.items() if result["ratio"]["high"] < 1]
    print(
        f"worst cell: {worst}, {ratio['median']:.2f} × the source ({ratio['low']:.2f} to {ratio['high']:.2f}); "
        f"the source is faster in {len(slower)}{': ' if slower else ''}{', '.join(slower)}"
    )
    regret = {name: result["choice"]["regret"] for name, result in timed.items()}
    dearest = max(regret, key=regret.__getitem__)
    dear = [name for name in regret if regret[name] > LARGEST_REGRET]
    print(
        f"worst choice: {dearest}, {timed[dearest]['choice']['chosen']} at {regret[dearest]:.2f} × the time of "
        f"{timed[dearest]['choice']['best']}; above {LARGEST_REGRET:.2f}: {', '.join(dear) or 'none'}"
    )
    return 1 if wrong or slower or dear else 0


# -- data for the cost model -----------------------------------------------------------------------------


def costs(cells: list[Cell], isa: str) -> list[dict]:
    """What each kernel takes for calls of many sizes, beside the shape of the forest."""
    measured = []
    for cell in {cell.model: cell for cell in cells}.values():
        kernels = Kernels(cell, isa)
        rows = [n for n in LADDER if n <= 256 or n * cell.n_trees <= MOST_PAIRS]
        X = cell.table()[: rows[-1]]
        X = np.tile(X, (-(-rows[-1] // len(X)), 1))
        shape = shape_of(kernels.forest)
        for name, kernel in kernels.forced.items():
            measured.append(
                {"model": cell.model, "kernel": name, "isa": kernel.isa, "bytes": kernel.nbytes}
                | {"ready_s": kernels.seconds[name], "shape": shape, "ns": {}, "work": {}}
            )
        own = measured[-len(kernels.forced) :]
        for n in rows:
            choice = kernels.choose(X, n, rounds=5, summary=min)
            for each in own:
                each["ns"][n] = choice.ns[each["kernel"]]
                each["work"][n] = kernels.forced[each["kernel"]].work(n)
        print(cell.model, flush=True)
    return measured


if __name__ == "__main__":
    sys.exit(main())
