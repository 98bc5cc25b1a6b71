"""A table in every dtype and layout that a linear model takes, and the check that all answers are the source's."""

import pickle
import warnings

import numpy as np

import perfcore

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples")


def tables(table):
    wide = np.zeros((len(table), 2 * table.shape[1]))
    wide[::-2, ::2] = table[: len(wide[::2])]
    return {
        "float64": np.ascontiguousarray(table),
        "float32": table.astype(np.float32),
        "Fortran": np.asfortranarray(table),
        "Fortran float32": np.asfortranarray(table.astype(np.float32)),
        "strided": wide[::-2, ::2],
        "float16": table.astype(np.float16),
        "int": (table * 10).astype(np.int64),
        "bool": table > 0,
        "big-endian": table.astype(">f8"),
        "object": table[:64].astype(object),
        "list": table[:64].tolist(),
        "float32 rows": list(table[:64].astype(np.float32)),
    }


def frames(table):
    import pandas as pd

    names = [f"x{j}" for j in range(table.shape[1])]
    mixed = pd.DataFrame(table, columns=names)
    mixed[names[0]] = mixed[names[0]].astype(np.float32)
    mixed[names[-1]] = (mixed[names[-1]] > 0).astype(int)
    return {
        "DataFrame": pd.DataFrame(table, columns=names),
        "DataFrame of float32": pd.DataFrame(table.astype(np.float32), columns=names),
        "DataFrame of int": pd.DataFrame((table * 10).astype(int), columns=names),
        "DataFrame of many kinds": mixed,
    }


def check(model, table, assert_same_bits, *where, sizes=(1, 2, 7, 64, 1500)):
    """All methods, over every layout and many row counts, of the predictor and of what its bytes become."""
    fast = perfcore.compile(model)
    again = pickle.loads(pickle.dumps(fast))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", "X has feature names", UserWarning)
        for method in METHODS:
            assert hasattr(model, method) == hasattr(fast, method), (method, *where)
            if not hasattr(model, method):
                continue
            source, ours, restored = (getattr(each, method) for each in (model, fast, again))
            for label, cells in (tables(table) | frames(table)).items():
                for n in sizes:
                    expected = source(cells[:n])
                    assert_same_bits(expected, ours(cells[:n]), method, label, n, *where)
                    if label in ("float64", "float32"):
                        assert_same_bits(expected, restored(cells[:n]), method, label, n, "restored", *where)
        check_rows(model, fast, table[:3], assert_same_bits, *where)
    return fast


def check_rows(model, fast, rows, assert_same_bits, *where):
    for row in rows:
        for given in (row, row.astype(np.float32), row.tolist(), list(row.astype(np.float32))):
            table = given[None, :] if isinstance(given, np.ndarray) else [given]
            assert_same_bits(model.predict(table)[0], fast.predict_one(given), *where)
            if hasattr(model, "predict_proba"):
                assert_same_bits(model.predict_proba(table)[0], fast.predict_proba_one(given), *where)
