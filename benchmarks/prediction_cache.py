"""``python -m benchmarks.prediction_cache``: when a prediction cache pays, as ratios of one run.

Each predictor answers the same calls alone and behind a cache, by turns; of every table a part of the rows was asked
for before. Answers are compared to the bit. Beside the time without the cache over the time with it stands what the
cache's own ``stats()`` says.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

import perfcore

N_FEATURES, N_TRAINED, N_KNOWN = 30, 4000, 2000
PARTS = (0.0, 0.5, 0.9, 1.0)  # rows that were asked for before


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prediction_cache", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each cell; 2 unless said")
    seconds = parser.parse_args(arguments).seconds
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of frameworks, which are not loaded yet
    print(f"| predictor | rows a call | {' | '.join(f'{part:.0%} known' for part in PARTS)} |")
    print(f"|---|---|{'---|' * len(PARTS)}")
    for name, predictor in predictors():
        for n_rows in (1, 256):
            cells = [cell(predictor, n_rows, part, seconds) for part in PARTS]
            told = " | ".join(f"{ratio:.2f} ({said})" for ratio, said in cells)
            print(f"| {name} | {n_rows} | {told} |", flush=True)


def predictors(n_trees: int = 300) -> Iterator[tuple[str, Any]]:
    import lightgbm
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        HistGradientBoostingClassifier,
        RandomForestClassifier,
        StackingClassifier,
    )

    random = np.random.default_rng(0)
    X = random.normal(size=(N_TRAINED, N_FEATURES))
    y = (X[:, :5].sum(axis=1) + random.normal(size=N_TRAINED) > 0).astype(int)
    members = [
        ("forest", RandomForestClassifier(n_trees // 3, random_state=0)),
        ("extra", ExtraTreesClassifier(n_trees // 3, random_state=0)),
        ("boosted", HistGradientBoostingClassifier(max_iter=n_trees // 3)),
    ]
    # The last one is a forest, too, so that a row's bits do not depend on the table around it.
    stacking = StackingClassifier(members, RandomForestClassifier(n_trees // 6, random_state=0), cv=2).fit(X, y)
    boosted = lightgbm.LGBMClassifier(n_estimators=n_trees, num_leaves=63, n_jobs=1, verbose=-1).fit(X, y)
    yield "scikit-learn stacking of three forests", stacking
    yield "the same, compiled", perfcore.compile(stacking, n_threads=1)
    yield f"LightGBM, {n_trees} trees of 63 leaves, one thread", boosted
    yield "the same, compiled", perfcore.compile(boosted, n_threads=1)


def cell(predictor: Any, n_rows: int, part: float, seconds: float) -> tuple[float, str]:
    """Time without the cache over the time with it, and what its statistics say."""
    random = np.random.default_rng(1)
    known = random.normal(size=(N_KNOWN, N_FEATURES))
    cache = perfcore.PredictionCache(predictor, 100_000, fingerprint="benchmark")
    answer, cached = predictor.predict_proba, cache.predict_proba
    for at in range(3):
        X = known[at * n_rows : (at + 1) * n_rows]
        answer(X), cached(X)
    for at in range(0, N_KNOWN, 500):
        cached(known[at : at + 500])
    spent, n_calls, end = [0.0, 0.0], 0, time.perf_counter() + seconds
    while time.perf_counter() < end or n_calls < 20:
        old = random.random(n_rows) < part
        X = np.where(old[:, None], known[random.integers(0, N_KNOWN, n_rows)], random.normal(size=(n_rows, N_FEATURES)))
        answers = [None, None]
        for which in (0, 1) if n_calls % 2 else (1, 0):
            begin = time.perf_counter()
            answers[which] = (answer, cached)[which](X)
            spent[which] += time.perf_counter() - begin
        if answers[0].tobytes() != answers[1].tobytes():
            raise AssertionError(f"another answer than the predictor's, {n_rows} rows a call, {part:.0%} known")
        n_calls += 1
    return spent[0] / spent[1], {True: "pays", False: "does not", None: "not known"}[cache.stats()["pays"]]


if __name__ == "__main__":
    main()
