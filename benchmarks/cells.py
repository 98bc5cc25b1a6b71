"""The cells of the grid. A name is permanent: a cell that must change gets a new one, by its numbers.

Features 8 to 512, depth 2 to 32, trees 1 to 1,024, rows a call 1 to 1,000,000; rows x trees at most 1e8. Boosted
trees have a few hundred thresholds a feature, as histograms leave them; trees of a forest have up to 20,000.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .generator import Shape, grow, table
from .models import FILES, ROOM, version
from .writers import WRITERS


@dataclass(frozen=True)
class Cell:
    kind: str  # of WRITERS
    n_features: int
    depth: int
    n_leaves: int
    n_trees: int
    rows: int  # a call
    missing: bool = False

    @property
    def model(self) -> str:
        return f"{self.kind}-f{self.n_features}-d{self.depth}-l{self.n_leaves}-t{self.n_trees}{'-nan' * self.missing}"

    @property
    def name(self) -> str:
        return f"{self.model}-r{self.rows}"

    @property
    def framework(self) -> str:
        return WRITERS[self.kind][0]

    def shape(self) -> Shape:
        thresholds = 255 if self.kind in ("lgb", "xgb", "hgb") else 20_000
        return Shape(self.n_features, self.depth, self.n_leaves, self.n_trees, thresholds)

    def tiny(self) -> Cell:
        """As small as shows a wrong answer."""
        return replace(self, n_trees=min(self.n_trees, 6), rows=min(self.rows, 200))

    def table(self) -> np.ndarray:
        """Enough rows that calls of one or of a few do not always ask for the same."""
        n = self.rows * max(1, min(100, 1_000 // self.rows))
        return table(n, self.n_features, seed=1, missing=0.02 if self.missing else 0.0)

    def folder(self) -> Path:
        """Where the cell's model lies; it is written where it does not lie there yet."""
        sources = "".join(Path(__file__).with_name(f"{n}.py").read_text(encoding="utf-8") for n in MADE_BY)
        key = f"{self.model} {version(self.framework)} {sources}"
        folder = ROOM / "grid" / hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
                new = Path(aside) / "new"
                new.mkdir()
                WRITERS[self.kind][1](list(grow(self.shape())), self.n_features, self.missing, new)
                os.replace(new, folder)
        return folder

    def path(self) -> Path:
        return self.folder() / FILES[self.framework]


MADE_BY = ("generator", "writers")


def _cells(kind: str, text: str) -> list[Cell]:
    cells = []
    for line in text.strip().splitlines():
        shape, _, rows = line.partition("|")
        *numbers, last = shape.split()
        missing = last == "nan"
        features, depth, leaves, trees = (int(n) for n in (numbers if missing else [*numbers, last]))
        cells += [Cell(kind, features, depth, leaves, trees, int(float(n)), missing) for n in rows.split()]
    return cells


# features depth leaves trees | rows a call
CELLS = {
    cell.name: cell
    for cell in [
        *_cells(
            "lgb",
            """
              8  2    4    1     | 1
              8  2    4 1024     | 1e4
              8  6   31    1 nan | 1e6
              8 12  127   64     | 1e3
             28 10   31  500     | 1 10 100 1e5
             28 16  255  256 nan | 1 1e4
             28 32 1023   64     | 1e4
             28 32 1023   16     | 1
            128  4   15 1024 nan | 1
            128  8   63  100     | 1e3
            512 10   31   16     | 3e4
            512 16  255  100     | 100
            512  3    8    4     | 1e3
            """,
        ),
        *_cells(
            "xgb",
            """
              8  2    4    1     | 1
              8  3    8 1024     | 1e3
              8  6   64  100     | 1e6
             28  6   60  500 nan | 1 10 100 1e5
             28  8  200  500     | 1e4
             28 12 1500  100     | 1e3
             28 16 4000   16 nan | 1 1e4
             64 32  512   16     | 1e3
            128  4   16  256     | 1e4
            512  6   64   64     | 10
            512  2    4 1024 nan | 1
            512  8  255    4     | 3e4
            """,
        ),
        *_cells(
            "hgb",
            """
              8  4   15    1     | 1
              8  3    8   64 nan | 1e6
             28 10   31  300     | 1 100 1e5
             28 16  255  100 nan | 1e3
             64 12   31   16     | 1e6
            128  8   31 1024     | 10
            512 10   31   64 nan | 1e4
            512 32  500   16     | 1
            """,
        ),
        *_cells(
            "rf",
            """
              8  2    4    1     | 1 1e6
              8  8  200  100     | 1e5
             28 32 5000  100     | 1 10 100 1e3 1e5
             28 10  600  100 nan | 1e4
             28 16 3000   16     | 1e6
             64  6   50 1024     | 100
            128 24 2000   64 nan | 1e3
            512  4   16    1     | 1e4
            512 32 1000   16     | 10
            """,
        ),
        *_cells(
            "gb",
            """
              8  3    8  100     | 1
             28  3    8  100     | 1e5
             28  6   40 1024     | 1e3
            128  4   15  256     | 1e4
            """,
        ),
    ]
}
