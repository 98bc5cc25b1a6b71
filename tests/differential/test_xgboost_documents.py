"""Documents that old xgboost versions wrote, read without xgboost, and against the one installed."""

import json
from pathlib import Path

import numpy as np
import pytest

import perfcore

FOLDER = Path(__file__).parents[1] / "data" / "xgboost"
DOCUMENTS = sorted(path for path in FOLDER.iterdir() if path.suffix in (".json", ".ubj") and "answers" not in path.name)


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


def written_by(path):
    return version(path.stem.partition("_")[2])


def same_bits(ours, theirs):
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert ours.tobytes() == theirs.tobytes()


def noted(path, key):
    record = json.loads(path.with_suffix(".answers.json").read_text())
    return np.frombuffer(bytes.fromhex(record[key]), "<f4")


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.name)
def document(request):
    return request.param


@pytest.fixture
def rows(document):
    return noted(document, "rows").reshape(-1, 4)


def named(predictor, rows):
    if predictor._model.inputs.feature_names is None:
        return rows
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(rows, columns=list(predictor.feature_names_in_))


def test_answers_what_its_own_version_answered(document, rows):
    fast = perfcore.compile(document)
    if written_by(document) == (1, 0):
        pytest.skip("1.0 added the base score to the finished sum; every later version starts from it")
    same_bits(fast.predict_raw(named(fast, rows)).ravel(), noted(document, "margins"))
    same_bits(fast.predict(named(fast, rows)).ravel(), noted(document, "answers"))


def test_answers_what_the_installed_version_answers(document, rows):
    xgboost = pytest.importorskip("xgboost")
    installed = version(xgboost.__version__)
    if installed < written_by(document):
        pytest.skip(f"xgboost {xgboost.__version__} is older than this document and misreads what it does not know")
    if document.name.startswith("vectors") and written_by(document) < (3, 2) <= installed:
        pytest.skip("xgboost from 3.2 crashes on vector leaves that an older one wrote")
    booster = xgboost.Booster(model_file=str(document))
    fast = perfcore.compile(document)
    table = xgboost.DMatrix(rows, feature_names=booster.feature_names)
    X = named(fast, rows)
    same_bits(fast.predict(X), booster.predict(table))
    same_bits(fast.predict_raw(X), booster.predict(table, output_margin=True))
    if hasattr(fast, "apply"):
        same_bits(fast.apply(X), booster.predict(table, pred_leaf=True))
    for begin_end in ((0, 1), (0, 2)) if document.name.startswith("linear") else ((0, 1), (1, 0), (1, 2)):
        part = perfcore.compile(document, iteration_range=begin_end)
        same_bits(part.predict(X), booster.predict(table, iteration_range=begin_end))


def test_every_layout_is_here():
    shapes = {path.name.partition("_")[0] for path in DOCUMENTS}
    assert shapes == {"dart", "classes", "pruned", "categories", "vectors", "linear"}
