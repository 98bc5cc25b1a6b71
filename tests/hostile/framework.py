"""A framework's own answers for files that may crash it: ``python framework.py NAME``, told FILE TABLE ANSWER."""

from __future__ import annotations

import os
import sys

import numpy as np


def answer(name: str, path: str, X: np.ndarray) -> np.ndarray:
    if name == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=path).predict(X, num_threads=1)
    if name == "catboost":
        import catboost

        return catboost.CatBoost().load_model(path).predict(X, thread_count=1)
    import xgboost

    xgboost.set_config(verbosity=0)
    return xgboost.Booster(model_file=path).predict(xgboost.DMatrix(X, nthread=1), validate_features=False)


def main(name: str) -> None:
    told = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    for line in sys.stdin:
        path, table, to = line.split()
        try:
            np.save(to, answer(name, path, np.load(table)))
            print("answered", file=told, flush=True)
        except Exception as error:
            print("refused:", repr(error).replace("\n", " "), file=told, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
