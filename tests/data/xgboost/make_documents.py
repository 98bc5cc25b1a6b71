"""How the documents of this folder were made: run by the interpreter of each old xgboost, with a folder to fill.

Each is one small model as that version wrote it; the ``.answers.json`` beside it holds, as hexadecimal
float32, the rows and what that very version answered.
"""

import json
import sys
from pathlib import Path

import numpy as np
import xgboost

VERSION = tuple(int(part) for part in xgboost.__version__.split(".")[:2])
RANDOM = np.random.RandomState(7)
X = RANDOM.normal(size=(160, 4)).astype(np.float32)
X[RANDOM.random_sample(X.shape) < 0.15] = np.nan
Z = np.nan_to_num(X)
SIGNAL = Z[:, 0] * Z[:, 1] + Z[:, 2]
ROWS = np.concatenate(
    [X[:24], np.array([[np.nan] * 4, [0, -0.0, 1e-45, -1e-45], [3e38, -3e38, 1e30, -1e30]], np.float32)]
)
COMMON = {"max_depth": 3, "eta": 0.5, "min_child_weight": 0, "nthread": 1, "verbosity": 0}


def train(labels, rounds, cells=X, **parameters):
    types = parameters.pop("feature_types", None)
    names = parameters.pop("feature_names", None)
    table = xgboost.DMatrix(cells, np.asarray(labels, np.float32), feature_names=names, feature_types=types)
    return xgboost.train({**COMMON, **parameters}, table, rounds)


def codes():
    cells = X.copy()
    cells[:, 0] = RANDOM.randint(0, 40, len(X))
    return cells


def models():
    yield "dart", train(SIGNAL, 5, booster="dart", rate_drop=0.5, one_drop=1, seed=3), ROWS
    classes = np.digitize(SIGNAL, [-0.5, 0.5])
    yield (
        "classes",
        train(classes, 2, objective="multi:softprob", num_class=3, num_parallel_tree=2, subsample=0.7, max_depth=2),
        ROWS,
    )
    yield (
        "pruned",
        train(
            SIGNAL > 0,
            3,
            objective="binary:logistic",
            base_score=0.3,
            gamma=1.5,
            tree_method="exact",
            feature_names=["a", "b", "c", "d"],
            max_depth=4,
        ),
        ROWS,
    )
    if VERSION >= (1, 6):
        cells = codes()
        types = ["c", "q", "q", "q"]
        rows = ROWS.copy()
        rows[:, 0] = np.resize(np.array([0, 5, 31, 32, 39, 40, 64, 7.9, -1, -0.5, 1e9, np.nan], np.float32), len(rows))
        yield (
            "categories",
            train(
                np.sin(cells[:, 0] * 7) + Z[:, 1],
                3,
                cells,
                tree_method="hist",
                max_cat_to_onehot=1,
                feature_types=types,
            ),
            rows,
        )
    if VERSION >= (2, 0):
        yield (
            "vectors",
            train(np.column_stack([SIGNAL, -Z[:, 1]]), 3, tree_method="hist", multi_strategy="multi_output_tree"),
            ROWS,
        )
    yield "linear", train(classes, 4, booster="gblinear", objective="multi:softprob", num_class=3, base_score=0.4), ROWS


def main(folder, wanted):
    for shape, booster, rows in models():
        if shape not in wanted:
            continue
        ending = "ubj" if "ubj" in wanted else "json"
        path = Path(folder, f"{shape}_{xgboost.__version__}.{ending}")
        booster.save_model(str(path))
        table = xgboost.DMatrix(rows, feature_names=booster.feature_names)
        answers = {
            "rows": rows.tobytes().hex(),
            "margins": booster.predict(table, output_margin=True).astype("<f4").tobytes().hex(),
            "answers": booster.predict(table).astype("<f4").tobytes().hex(),
        }
        path.with_suffix(".answers.json").write_text(json.dumps(answers, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
