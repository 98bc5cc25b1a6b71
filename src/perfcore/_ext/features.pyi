from collections.abc import Iterable, Mapping

import numpy as np

MISSING: float

class Plan:
    n_columns: int
    nan_is_missing: bool
    def __init__(
        self,
        n_columns: int,
        features: Iterable[tuple[str, tuple[int, ...], Mapping[str, int], Mapping[str, float]]],
        nan_is_missing: bool = ...,
    ) -> None: ...
    @property
    def n_outputs(self) -> int: ...
    def run(
        self,
        columns: list[np.ndarray],
        times: np.ndarray | None = ...,
        order: np.ndarray | None = ...,
        bounds: np.ndarray | None = ...,
        n_threads: int = ...,
    ) -> list[np.ndarray]: ...
    def run_steps(self, columns: list[np.ndarray], times: np.ndarray | None = ...) -> list[np.ndarray]: ...

def run_alone(plans: dict, columns: tuple, key: tuple) -> np.ndarray | list[np.ndarray] | None: ...
def encode(keys: np.ndarray, absent: np.ndarray | None = ...) -> tuple[np.ndarray, np.ndarray]: ...
def arrange(codes: np.ndarray, n_codes: int) -> tuple[np.ndarray | None, np.ndarray]: ...
def look_at(times: np.ndarray, order: np.ndarray | None, bounds: np.ndarray) -> tuple[int, int, int]: ...
def without_late(times: np.ndarray, order: np.ndarray | None, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...
