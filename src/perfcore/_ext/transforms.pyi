from collections.abc import Sequence
from typing import Any

import numpy as np

ACTS: tuple[str, ...]
KINDS: tuple[str, ...]

class Refusal(Exception):
    __module__: str

class Lookup:
    table: dict
    nan: int
    none: int
    unknown: int
    na: int
    def __init__(self, table: dict, nan: int, none: int, unknown: int, na: int) -> None: ...
    def of(self, cell: Any) -> int: ...
    def of_objects(self, cells: np.ndarray) -> np.ndarray: ...
    def of_texts(
        self, valid: np.ndarray | None, offsets: np.ndarray, data: np.ndarray, offset: int, n: int, missing: int
    ) -> np.ndarray: ...

class Pass:
    n_numbers: int
    def __init__(
        self,
        steps: Sequence,
        chains: Sequence,
        codes: Sequence,
        columns: Sequence,
        values: Sequence[float],
        places: Sequence[int],
        lookups: Sequence,
    ) -> None: ...
    def dense(self, numbers: Sequence, codes: Sequence, out: np.ndarray) -> None: ...
    def compressed(self, numbers: Sequence, codes: Sequence, n: int, is_float: bool) -> tuple: ...
    def dense_row(self, number_cells: Sequence, text_cells: Sequence, width: int, is_float: bool) -> np.ndarray: ...
    def compressed_row(self, number_cells: Sequence, text_cells: Sequence, is_float: bool) -> tuple: ...

class Polynomial:
    n_features: int
    def __init__(self, columns: Sequence[tuple[int, int]]) -> None: ...
    def products(self, x: np.ndarray, out: np.ndarray, first: int, keeps_bias: bool) -> None: ...

def ranks(x: np.ndarray, quantiles: np.ndarray, references: np.ndarray, threshold: float) -> None: ...
def product(indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, weight: np.ndarray) -> np.ndarray: ...
