import numpy as np

def ordered_sum(
    X: np.ndarray, start: np.ndarray, weight: np.ndarray, missing: float, out: np.ndarray, n_threads: int = 1
) -> None: ...
