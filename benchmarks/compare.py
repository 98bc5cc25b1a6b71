"""``python -m benchmarks.compare BASE [HEAD]``: whether perfcore became slower, by the clock.

Both are built into folders of their own and answer in turn, a process each, in many pairs of processes: where a
process lies in memory alone makes it faster or slower by some percent. A pair gives one number, the least time of
head's rounds over that of base's. Head is slower only where the interval of these numbers' median lies above 1 as a
whole: in other words, where both sides' times, in units of their pair's, have intervals that do not overlap.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from . import interval, models
from .cells import CELLS
from .runner import WrongAnswer, compare, job_of
from .scenarios import RECIPES, SCENARIOS
from .sides import Side, SideError, Worker

ROOM = Path(".work/compare")
LEVEL = 0.999
NOTABLE = 1.02  # a median of the first pairs from which on it takes more of them to tell
USUAL = (
    "lgb-f28-d10-l31-t500-r1",
    "lgb-f28-d10-l31-t500-r10",
    "lgb-f28-d10-l31-t500-r100",
    "lgb-f28-d10-l31-t500-r100000",
    "lgb-f28-d16-l255-t256-nan-r10000",
    "xgb-f28-d6-l60-t500-nan-r100000",
    "xgb-f28-d16-l4000-t16-nan-r10000",
    "rf-f28-d32-l5000-t100-r1000",
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="a git revision, a wheel, or a folder with perfcore in it")
    parser.add_argument("head", nargs="?", default="HEAD", help="the same (default: %(default)s)")
    parser.add_argument(
        "--cells", nargs="+", default=USUAL, metavar="PATTERN",
        help="cells of the grid, or scenarios, as 'rf-*-r1' or lgb31 (default: eight cells of the grid)",
    )  # fmt: skip
    parser.add_argument("--isa", help="instruction set of both (default: the best here)")
    parser.add_argument("--pairs", type=int, default=12, help="pairs of processes (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    asked = parser.parse_args(arguments)
    known = [*CELLS, *SCENARIOS]
    unknown = [pattern for pattern in asked.cells if not any(fnmatch(name, pattern) for name in known)]
    if unknown:
        parser.error(f"no cell of the grid and no scenario is named {' or '.join(unknown)}")
    names = [name for name in known if any(fnmatch(name, pattern) for pattern in asked.cells)]
    sides = [side(name, installed(what), asked.isa) for name, what in (("base", asked.base), ("head", asked.head))]
    results = {name: judge(lambda name=name: pairs(name, sides, asked.pairs), name) for name in names}
    if asked.json:
        Path(asked.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    slower = [name for name, result in results.items() if result["slower"]]
    print(f"{len(results)} cells, head is slower in {len(slower)}{': ' if slower else ''}{', '.join(slower)}")
    return 1 if slower else 0


# -- two builds ------------------------------------------------------------------------------------------


def installed(what: str) -> Path:
    """A folder that perfcore can be imported from: of a folder, a wheel or a git revision."""
    if Path(what).is_dir():
        return Path(what).resolve()
    if what.endswith(".whl"):
        digest = hashlib.blake2b(Path(what).read_bytes(), digest_size=8).hexdigest()
        return _installed_once(digest, lambda aside: Path(what))
    found = subprocess.run(["git", "rev-parse", "--verify", f"{what}^{{commit}}"], capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{what} is no folder, no .whl file and no git revision: {found.stderr.strip()}")
    commit = found.stdout.strip()
    return _installed_once(commit, lambda aside: _wheel(commit, aside))


def _installed_once(key: str, wheel) -> Path:
    folder = (ROOM / f"py{sys.version_info[0]}.{sys.version_info[1]}" / key).resolve()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            new = Path(aside) / "new"
            _pip("install", "--no-deps", "--target", str(new), str(wheel(Path(aside))))
            os.replace(new, folder)
    return folder


def _wheel(commit: str, aside: Path) -> Path:
    print(f"building {commit[:12]} ...", flush=True)
    archive = subprocess.run(["git", "archive", "--format=tar", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(aside / "tree", filter="data")
    _pip("wheel", "--no-deps", "--wheel-dir", str(aside / "dist"), str(aside / "tree"))
    return next((aside / "dist").glob("*.whl"))


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments], check=True)


def side(name: str, folder: Path, isa: str | None) -> Side:
    """perfcore from that folder, and from nowhere else."""
    environment = {"PYTHONPATH": str(folder)} | ({"PERFCORE_ISA": isa} if isa else {})
    command = [sys.executable, "-c", "import perfcore; print(perfcore.__file__)"]
    found = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout
    if folder not in Path(found.strip()).parents:
        raise SystemExit(f"{name}: perfcore came from {found.strip()}, not from {folder}")
    return Side(name, "perfcore", environment=environment)


# -- pairs of processes ----------------------------------------------------------------------------------


def judge(measure: Callable[[], list[float]], name: str) -> dict:
    """Whether head is slower, by one measurement, or by three where that leaves doubt."""
    ratios = measure()
    if interval.of_median(ratios).median > NOTABLE:
        ratios += measure() + measure()
    found = interval.of_median(ratios, LEVEL)
    slower = found.median > NOTABLE and found.low > 1
    told = f"head takes {found.median:.3f} ({found.low:.3f} to {found.high:.3f}) of base's time"
    print(f"{name:<34} {told}, {len(ratios)} pairs{': slower' if slower else ''}", flush=True)
    return {"interval": found.json(), "pairs": len(ratios), "slower": slower}


def pairs(name: str, sides: list[Side], n: int) -> list[float]:
    """Head's time over base's, of n pairs of processes; both must answer the same bits."""
    models.ROOM.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=models.ROOM) as aside:
        job = _job(name, Path(aside))
        return [_pair(job, sides if i % 2 else sides[::-1], Path(aside)) for i in range(n)]


def _job(name: str, aside: Path) -> dict:
    """What a worker needs to know."""
    if name in SCENARIOS:
        scenario = SCENARIOS[name]
        return job_of(scenario, RECIPES[scenario.model], aside) | {"threads": scenario.threads}
    cell = CELLS[name]
    np.save(aside / "rows.npy", cell.table())
    place = {"folder": str(cell.folder()), "table": str(aside / "rows.npy")}
    return place | {"framework": cell.framework, "batch": cell.rows, "threads": 1}


def _pair(job: dict, sides: list[Side], aside: Path) -> float:
    workers = [Worker(side) for side in sides]
    try:
        answers, least = [], {side.name: np.inf for side in sides}
        for worker in workers:
            worker.ask("prepare", adapter=worker.side.adapter, **job)
            worker.ask("answer", path=str(aside / "answer.npy"), least=0.05)
            answers.append(np.load(aside / "answer.npy"))
        compare(*answers, exact=True)
        for turn in (workers, workers[::-1], workers):
            for worker in turn:
                least[worker.side.name] = min(least[worker.side.name], worker.ask("round")["ns"])
    except (SideError, WrongAnswer) as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    finally:
        for worker in workers:
            worker.close()
    return least["head"] / least["base"]


if __name__ == "__main__":
    sys.exit(main())
