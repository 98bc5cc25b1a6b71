"""XGBoost's gblinear: sums of weighted cells in float32, in the order of the columns, absent cells left out."""

import json
import pickle

import numpy as np
import pytest

import perfcore

xgboost = pytest.importorskip("xgboost")

RNG = np.random.default_rng(12)
X = RNG.normal(size=(700, 9)).astype(np.float32)
X[RNG.random(X.shape) < 0.15] = np.nan
SIGNAL = np.nan_to_num(X[:, 0] - X[:, 1])
CLASSES = np.digitize(SIGNAL, [-0.5, 0.5])
BOOSTERS = {
    "reg:squarederror": (SIGNAL, {}),
    "reg:squarederror of two targets": (np.stack([SIGNAL, -SIGNAL], axis=1), {}),
    "binary:logistic": (SIGNAL > 0, {"base_score": 0.3}),
    "count:poisson": (np.round(np.exp(SIGNAL)), {}),
    "multi:softprob": (CLASSES, {"num_class": 3}),
    "multi:softmax": (CLASSES, {"num_class": 3, "base_score": 0.7}),
    "binary:hinge": (SIGNAL > 0, {}),
}


def trained(name, rounds=4):
    y, parameters = BOOSTERS[name]
    parameters = {"booster": "gblinear", "objective": name.partition(" ")[0], "nthread": 1, **parameters}
    return xgboost.train(parameters, xgboost.DMatrix(X, np.asarray(y, np.float32)), rounds)


def tables():
    wide = np.zeros((len(X), 2 * X.shape[1]))
    wide[:, ::2] = X
    return {
        "float32": X,
        "float64": X.astype(np.float64) * (1 + 1e-12),
        "Fortran": np.asfortranarray(X),
        "strided": wide[::-2, ::2],
        "int": (np.nan_to_num(X) * 5).astype(int),
        "list": X[:20].tolist(),
    }


def check(source, ask, assert_same_bits, *where):
    """``ask(table, **options)``: the source's own answer."""
    fast = perfcore.compile(source)
    again = pickle.loads(pickle.dumps(fast))
    for label, table in tables().items():
        for n in (1, 15, 16, 17, 700) if label == "list" else (0, 1, 15, 16, 17, 700):
            expected = ask(table[:n])
            assert_same_bits(expected, fast.predict(table[:n]), label, n, *where)
            assert_same_bits(expected, again.predict(table[:n]), label, n, *where)
            assert_same_bits(ask(table[:n], output_margin=True), fast.predict_raw(table[:n]), label, n, *where)
    for row in X[:4]:
        assert_same_bits(ask(row[None, :])[0], fast.predict_one(row), *where)
    for n_threads in (1, 2, 3):
        assert_same_bits(ask(X), fast.predict(X, n_threads=n_threads), *where)
    return fast


@pytest.mark.parametrize("name", BOOSTERS)
def test_a_booster_live_and_from_both_kinds_of_file(name, tmp_path, assert_same_bits):
    booster = trained(name)

    def ask(table, **options):
        return booster.predict(xgboost.DMatrix(np.asarray(table)), **options)

    check(booster, ask, assert_same_bits, name)
    for ending in ("json", "ubj"):
        path = tmp_path / f"model.{ending}"
        booster.save_model(path)
        assert_same_bits(ask(X), perfcore.compile(path).predict(X), name, ending)


@pytest.mark.parametrize("missing", [np.nan, 0.0])
@pytest.mark.parametrize("kind", ["XGBRegressor", "XGBClassifier"])
def test_an_estimator_answers_as_its_own_methods(kind, missing, assert_same_bits):
    for y in (CLASSES, SIGNAL > 0) if kind == "XGBClassifier" else (SIGNAL,):
        estimator = getattr(xgboost, kind)(booster="gblinear", n_estimators=4, n_jobs=1, missing=missing).fit(X, y)
        fast = perfcore.compile(estimator)
        for label, table in (tables() | {"zeros": np.where(X > 1, 0, X), "fewer columns": X[:, :4]}).items():
            if isinstance(table, list):
                continue
            for method in ("predict", "predict_proba"):
                assert hasattr(estimator, method) == hasattr(fast, method)
                if hasattr(estimator, method):
                    expected = getattr(estimator, method)(table)
                    assert_same_bits(expected, getattr(fast, method)(table), label, method)
        perfcore.verify(fast, estimator, X)


def test_data_frames_by_name(assert_same_bits):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=[*"abcdefghi"])
    estimator = xgboost.XGBRegressor(booster="gblinear", n_estimators=4).fit(table, SIGNAL)
    fast = perfcore.compile(estimator)
    assert_same_bits(estimator.predict(table), fast.predict(table))
    assert_same_bits(estimator.predict(table)[:1], np.asarray([fast.predict_one(dict(table.iloc[0]))]))
    for refused in (table[[*"bacdefghi"]], X):
        for predict in (estimator.predict, fast.predict):
            with pytest.raises(ValueError, match="feature"):
                predict(refused)


def test_infinite_cells_and_wide_tables_are_refused():
    fast = perfcore.compile(trained("reg:squarederror"))
    infinite = X.copy()
    infinite[5, 2] = np.inf
    for table in (infinite, np.zeros((3, 10))):
        with pytest.raises(perfcore.InputError):
            fast.predict(table)


def test_a_linear_booster_has_no_leaves_and_no_rounds(assert_same_bits):
    booster = trained("reg:squarederror")
    fast = perfcore.compile(booster, iteration_range=(0, 2))
    assert_same_bits(booster.predict(xgboost.DMatrix(X), iteration_range=(0, 2)), fast.predict(X))
    assert not hasattr(fast, "apply")
    with pytest.raises(perfcore.ConfigurationError, match="gblinear"):
        perfcore.compile(booster, iteration_range=(1, 3))
    with pytest.raises(perfcore.UnsupportedModelError, match="no rounds"):
        perfcore.compile(trained("reg:squarederror", rounds=0))


def test_weights_of_every_size_and_sign(tmp_path, assert_same_bits):
    """Sums that round, overflow, cancel and lose the sign of zero."""
    booster = trained("reg:squarederror")
    booster.save_model(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    model = document["learner"]["gradient_booster"]["model"]
    for scale in (1e-45, 1e-30, 1.0, 1e20, 3e38):
        weights = (RNG.choice([-1, 1, 0.5, 0.0, -0.0], size=10) * scale).astype(np.float32)
        model["weights"] = [float(weight) for weight in weights]
        (tmp_path / "changed.json").write_text(json.dumps(document))
        changed = xgboost.Booster(model_file=tmp_path / "changed.json")
        expected, got = changed.predict(xgboost.DMatrix(X)), perfcore.compile(tmp_path / "changed.json").predict(X)
        assert_same_bits(np.isnan(expected), np.isnan(got), scale)
        assert_same_bits(np.nan_to_num(expected), np.nan_to_num(got), scale)


@pytest.mark.parametrize("count", [0, 9, 11])
def test_weights_of_another_number_are_refused(count, tmp_path):
    booster = trained("reg:squarederror")
    booster.save_model(tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    document["learner"]["gradient_booster"]["model"]["weights"] = [0.5] * count
    (tmp_path / "model.json").write_text(json.dumps(document))
    with pytest.raises(perfcore.UnsupportedModelError if not count else perfcore.ModelFormatError, match="model"):
        perfcore.compile(tmp_path / "model.json")


def test_the_explanation_says_how_it_is_computed():
    fast = perfcore.compile(trained("reg:squarederror"))
    assert "ordered sum" in str(fast) and "order of the columns" in fast.explain()
