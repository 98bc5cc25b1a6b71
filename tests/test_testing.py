"""verify() passes where bits are equal, and says where they part."""

import dataclasses
import re

import numpy as np
import pytest

import perfcore
from perfcore import ConfigurationError, MismatchError
from perfcore.predictor import Predictor

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")
from sklearn.datasets import load_breast_cancer, load_iris  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Ridge  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.fixture(scope="module")
def data():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def models(data):
    X, y = data
    small = {"n_estimators": 6, "n_jobs": 1}
    return {
        "lightgbm estimator": lightgbm.LGBMClassifier(verbose=-1, **small).fit(X, y),
        "lightgbm booster": lightgbm.LGBMRegressor(verbose=-1, **small).fit(X, y).booster_,
        "xgboost estimator": xgboost.XGBClassifier(**small).fit(X, y),
        "xgboost booster": xgboost.XGBRegressor(**small).fit(X, y).get_booster(),
        "forest": RandomForestClassifier(n_estimators=6, n_jobs=2).fit(X, np.where(y, "yes", "no")),
        "boosting": GradientBoostingClassifier(n_estimators=4).fit(*load_iris(return_X_y=True)),
        "linear": Ridge().fit(X, y),
        "many outputs": RandomForestClassifier(n_estimators=3).fit(X, np.stack([y, y + 2], axis=1)),
    }


NAMES = [
    "lightgbm estimator", "lightgbm booster", "xgboost estimator", "xgboost booster",
    "forest", "boosting", "linear", "many outputs",
]  # fmt: skip


def table_for(name, data):
    return load_iris(return_X_y=True)[0] if name == "boosting" else data[0]


@pytest.mark.parametrize("name", NAMES)
def test_equal_models_pass(name, models, data):
    fast = perfcore.compile(models[name])
    assert perfcore.verify(fast, models[name], table_for(name, data)) is None


def test_a_pandas_table_is_taken(data):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(data[0]).rename(columns=str)
    model = lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, data[1])
    perfcore.verify(perfcore.compile(model), model, X)


@pytest.mark.parametrize(("name", "file"), [("lightgbm booster", "m.txt"), ("xgboost booster", "m.json")])
def test_a_model_file_is_opened_by_its_framework(name, file, models, data, tmp_path):
    path = tmp_path / file
    models[name].save_model(path)
    perfcore.verify(perfcore.compile(path), path, data[0])
    perfcore.verify(perfcore.compile(path), str(path), data[0][:0:-7])


@pytest.mark.parametrize("name", ["lightgbm estimator", "lightgbm booster", "xgboost estimator", "xgboost booster"])
def test_a_range_of_iterations_is_asked_of_both(name, models, data):
    fast = perfcore.compile(models[name], iteration_range=(1, 4))
    perfcore.verify(fast, models[name], data[0], iteration_range=(1, 4))
    with pytest.raises(MismatchError):
        perfcore.verify(fast, models[name], data[0])


@pytest.mark.parametrize("name", ["boosting", "boosting of two classes", "histograms"])
def test_a_range_of_iterations_of_scikit_learn_is_that_of_its_stages(name, models, data):
    made = {
        "boosting of two classes": GradientBoostingClassifier(n_estimators=4),
        "histograms": HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4),
    }
    model = models[name] if name in models else made[name].fit(*data)
    X = table_for(name, data)
    fast = perfcore.compile(model, iteration_range=(0, 2))
    perfcore.verify(fast, model, X, iteration_range=(0, 2))
    for other in (None, (0, 1), (0, 3)):
        with pytest.raises(MismatchError):
            perfcore.verify(fast, model, X, iteration_range=other)


@pytest.mark.parametrize(("name", "wanted"), [("boosting", (1, 2)), ("boosting", (0, 0)), ("forest", (0, 2))])
def test_a_range_that_scikit_learn_cannot_answer_for_is_refused(name, wanted, models, data):
    with pytest.raises(ConfigurationError, match="iteration_range"):
        perfcore.verify(perfcore.compile(models[name]), models[name], table_for(name, data), iteration_range=wanted)


def spoiled(model, **arrays):
    """The model's predictor with cells of its forest changed: name -> (index, change)."""
    compiled = perfcore.compile(model)._model
    changed = {}
    for name, (at, change) in arrays.items():
        changed[name] = getattr(compiled.body, name).copy()
        changed[name][at] = change(changed[name][at])
    return Predictor(dataclasses.replace(compiled, body=dataclasses.replace(compiled.body, **changed)))


@pytest.mark.parametrize("name", ["lightgbm estimator", "lightgbm booster", "xgboost estimator", "xgboost booster"])
def test_one_threshold_off_names_method_row_answers_and_tree(name, models, data):
    model, X = models[name], data[0]
    body = perfcore.compile(model)._model.body
    tree = 3
    fast = spoiled(model, threshold=(body.root[tree], lambda t: -np.inf))
    with pytest.raises(MismatchError) as caught:
        perfcore.verify(fast, model, X)
    error = caught.value
    assert error.tree == tree and re.search(rf"they part in tree {tree}: .* leaf is \d+, perfcore's \d+", str(error))
    source, own = getattr(model, error.method), getattr(fast, error.method)
    expected = source(xgboost.DMatrix(X) if name == "xgboost booster" else X)
    unequal = np.flatnonzero((expected != own(X)).reshape(len(X), -1).any(axis=1))
    assert error.row == unequal[0] and f"{error.method}, row {error.row}:" in str(error)
    assert np.array_equal(error.source, expected[error.row]) and np.array_equal(error.answer, own(X)[error.row])


@pytest.mark.parametrize("name", ["lightgbm booster", "xgboost booster"])
def test_one_bit_of_one_leaf_is_found_and_shown_in_hexadecimal(name, models, data):
    model, X = models[name], data[0]
    fast = spoiled(model, value=((0, 0), lambda v: np.nextafter(v * np.asarray(1.001, v.dtype), np.inf, dtype=v.dtype)))
    with pytest.raises(MismatchError, match=r"leaves equal: the sum or the link differs") as caught:
        perfcore.verify(fast, model, X)
    shown = re.findall(r"\(0x([0-9a-f]+)\)", str(caught.value))
    dtype = np.dtype(type(caught.value.source)).newbyteorder(">")
    assert [np.frombuffer(bytes.fromhex(each), dtype)[0] for each in shown] == [
        caught.value.source,
        caught.value.answer,
    ]
    assert caught.value.tree is None


def test_a_forest_of_scikit_learn_parts_in_a_tree(models, data):
    fast = spoiled(models["forest"], threshold=(0, lambda t: -np.inf))
    with pytest.raises(MismatchError, match="they part in tree 0"):
        perfcore.verify(fast, models["forest"], data[0])


class Answering:
    """Stands for a predictor: answers what it is told."""

    def __init__(self, **answers):
        for name, answer in answers.items():
            setattr(self, name, lambda X, answer=answer: answer)


class FakeSource(Answering):
    __module__ = "sklearn.fake"

    def get_params(self, deep=True):
        return {}


@pytest.mark.parametrize(
    ("source", "own", "words"),
    [
        (np.zeros(3), np.zeros(3, np.float32), "array of float64, shape .* array of float32"),
        (np.zeros(3), np.zeros((3, 1)), "shape"),
        (np.zeros(3), [0.0, 0.0, 0.0], "perfcore list"),
        (np.array([0.0, 0.0]), np.array([0.0, -0.0]), "row 1: .*0x0000000000000000.*0x8000000000000000"),
        (np.array([np.nan]), np.array([-np.nan]), "row 0"),
        (np.array(["a", "b"]), np.array(["a", "c"]), "row 1: .*'b'.*'c'"),
        (np.array(["a", 1], object), np.array(["a", True], object), "row 1"),
        (np.array(["a", 0.0], object), np.array(["a", -0.0], object), "row 1"),
        ([np.zeros(2), np.zeros(2)], [np.zeros(2), np.ones(2)], "row 0"),
        ([np.zeros(2)], [np.zeros(2), np.ones(2)], "list of 1"),
        (np.zeros((2, 9)), np.ones((2, 9)), r"\.\.\."),
    ],
)
def test_every_kind_of_difference_is_found(source, own, words):
    with pytest.raises(MismatchError, match=words):
        perfcore.verify(Answering(predict=own), FakeSource(predict=source), np.zeros((3, 1)))


@pytest.mark.parametrize(
    "same", [np.array([np.nan, -0.0]), np.array(["a", None, np.nan], object), np.empty((0, 3)), [np.ones(2)]]
)
def test_equal_bits_pass_whatever_they_mean(same):
    copy = [each.copy() for each in same] if isinstance(same, list) else same.copy()
    assert perfcore.verify(Answering(predict=same), FakeSource(predict=copy), np.zeros((2, 1))) is None


@pytest.mark.parametrize("leaves", [np.empty((2, 0), np.int32), np.empty(0, np.float32)])
def test_models_without_trees_that_part_say_so(leaves):
    own, source = (
        kind(predict=np.array(x), apply=leaves) for kind, x in ((Answering, [0.0, 1]), (FakeSource, [0.0, 2]))
    )
    with pytest.raises(MismatchError, match="row 1: .*there are no trees") as error:
        perfcore.verify(own, source, np.zeros((2, 1)))
    assert error.value.row == 1 and error.value.tree is None


def test_what_is_no_model_is_refused(models, data, tmp_path):
    fast = perfcore.compile(models["linear"])
    with pytest.raises(ConfigurationError, match="builtins.dict"):
        perfcore.verify(fast, {}, data[0])
    fast.save(tmp_path / "x.pcore")
    with pytest.raises(ConfigurationError, match="perfcore file"):
        perfcore.verify(fast, tmp_path / "x.pcore", data[0])
    with pytest.raises(ConfigurationError, match="no method in common"):
        perfcore.verify(Answering(), models["linear"], data[0])


def test_a_forest_over_many_jobs_is_asked_with_one_and_left_as_it_was(data):
    X, y = data
    model = RandomForestRegressor(n_estimators=20, n_jobs=2).fit(X, y)
    perfcore.verify(perfcore.compile(model), model, X)
    assert model.n_jobs == 2
