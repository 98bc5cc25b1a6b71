"""LightGBM models that other people trained: live and from file, the same bits as LightGBM's answers today."""

import re

import numpy as np
import pytest

import perfcore
from perfcore.errors import ModelFormatError

lightgbm = pytest.importorskip("lightgbm")

MODELS = [
    *("NYC_taxi", "airline", "boston_housing", "leaf_scan", "mixed_categorical", "mtpl2", "multiclass"),
    *("pure_categorical", "single_tree", "tiniest_single_tree"),
]
MODELS = [f"lleaves/{name}.txt" for name in MODELS] + [
    *("leaves/lg_breast_cancer.txt", "leaves/model_simple.txt", "leaves/lg_dart_breast_cancer.model"),
    *("leaves/lg_kddcup99.model", "leaves/lg_rf_iris.model", "leaves/lgmulticlass.model"),
]
FRAGMENTS = ["leaves/tree_1leaf.txt", "leaves/tree_2leaves.txt", "leaves/tree_3leaves.txt", "leaves/lg_1tree.json"]
BATCHES = (1, 7, 64, 513, 1500)


@pytest.fixture(scope="module")
def models(shared):
    return shared / "models"


def rows_from_infos(path, n, rng):
    """Cells inside, at and beyond each feature's range, at and beside its thresholds; NaN; odd categories."""
    text = path.read_text()
    infos = re.search(r"^feature_infos=(.*)$", text, re.M)[1].split()
    thresholds = [[0.0] for _ in infos]
    for features, values in re.findall(r"^split_feature=(.+)\n(?:.*\n)?threshold=(.+)$", text, re.M):
        for feature, value in zip(features.split(), values.split(), strict=True):
            thresholds[int(feature)].append(float(value))
    odd = [0.0, -0.0, 1e-35, -1e-35, 1.0000000180025095e-35, -1.0000000180025095e-35, 5e-324]
    odd += [np.inf, -np.inf, np.nan, np.nan, np.nan, -1.0, -0.5, 1e9, 1e300]
    columns = []
    for info, own in zip(infos, thresholds, strict=True):
        near = np.concatenate([own, np.nextafter(own, np.inf), np.nextafter(own, -np.inf)])
        if info.startswith("["):
            low, high = map(float, info[1:-1].split(":"))
            edges = [low, high, np.nextafter(low, -np.inf), np.nextafter(high, np.inf), low - 1, high + 1]
            pools = [rng.uniform(low, high, 400), near, edges, odd]
        elif info == "none":
            pools = [near, odd]
        else:
            codes = np.array(info.split(":"), float)
            pools = [codes, codes, codes + 0.5, [codes.max() + 1, codes.max() + 40, -1, -2, -40], odd]
        columns.append([rng.choice(pools[i]) for i in rng.integers(0, len(pools), n)])
    return np.array(columns).T


def assert_same_bits(expected, got, *where):
    assert (expected.dtype, expected.shape) == (got.dtype, got.shape), where
    assert expected.tobytes() == got.tobytes(), (*where, np.flatnonzero((expected != got).reshape(len(got), -1).any(1)))


@pytest.fixture(scope="module")
def same():
    def same(path, tables):
        booster = lightgbm.Booster(model_file=path)
        predictors = [perfcore.compile(path), perfcore.compile(booster)]
        for X in tables:
            part = {"num_threads": 2}
            expected = booster.predict(X, **part), booster.predict(X, raw_score=True, **part)
            leaves = booster.predict(X[:513], pred_leaf=True, **part)
            for fast in predictors:
                for n in BATCHES:
                    assert_same_bits(expected[0][:n], fast.predict(X[:n]), path.name, n, X.dtype)
                assert_same_bits(expected[0], fast.predict(X), path.name, X.dtype)
                assert_same_bits(expected[1], fast.predict_raw(X), path.name, X.dtype)
                assert_same_bits(leaves, fast.apply(X[:513]), path.name, X.dtype)

    return same


@pytest.mark.parametrize("name", MODELS)
def test_rows_drawn_from_the_features_ranges(name, models, same):
    rows = rows_from_infos(models / name, 1600, np.random.default_rng(0))
    with np.errstate(over="ignore"):
        single = rows.astype(np.float32)
    same(models / name, [rows, single, np.asfortranarray(rows)])


STORED = [  # model, rows, first feature's column, stored texts
    ("lg_breast_cancer.txt", "lg_breast_cancer_data.txt", 0, {"leaves": "lg_breast_cancer_data_pred_leaves.txt"}),
    (
        "lg_dart_breast_cancer.model",
        "breast_cancer_test.tsv",
        0,
        {"answer": "lg_dart_breast_cancer_true_predictions.txt"},
    ),
    ("lg_kddcup99.model", "kddcup99_test.tsv", 0, {"raw": "lg_kddcup99_true_predictions.txt"}),
    ("lg_rf_iris.model", "iris_test.libsvm", 1, {"mean": "lg_rf_iris_true_predictions.txt"}),
    (
        "lgmulticlass.model",
        "multiclass_test.tsv",
        1,
        {"answer": "lgmulticlass_true_predictions.txt", "raw": "lgmulticlass_true_raw_predictions.txt"},
    ),
]


def stored_rows(path, first):
    if path.suffix != ".libsvm":
        return np.loadtxt(path, ndmin=2)[:, first:]
    return np.array([[float(cell.partition(":")[2]) for cell in line.split()[first:]] for line in path.open()])


@pytest.mark.parametrize(("model", "rows", "first", "texts"), STORED)
def test_stored_rows(model, rows, first, texts, models, same):
    X = stored_rows(models / "leaves" / rows, first)
    same(models / "leaves" / model, [X, X.astype(np.float32)])


@pytest.mark.parametrize(("model", "rows", "first", "texts"), STORED)
def test_stored_answers_to_their_printed_digits(model, rows, first, texts, models):
    fast = perfcore.compile(models / "leaves" / model)
    X = stored_rows(models / "leaves" / rows, first)
    raw = fast.predict_raw(X)
    # LightGBM of that day put no link behind a forest's mean; a softmax depends on the last bit of that day's exp.
    answers = {"answer": fast.predict(X), "raw": raw, "mean": raw / 30, "leaves": fast.apply(X)}
    for what, text in texts.items():
        stored = np.loadtxt(models / "leaves" / text)
        np.testing.assert_array_max_ulp(answers[what].astype(float), stored, 4 if what == "answer" else 0)


@pytest.mark.parametrize("name", FRAGMENTS)
def test_fragments_are_refused(name, models):
    with pytest.raises(ModelFormatError, match=re.escape(name)):
        perfcore.compile(models / name)
