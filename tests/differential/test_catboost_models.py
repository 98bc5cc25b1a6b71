"""CatBoost, trained here: raw values, labels, probabilities, exponents and leaves, bit by bit."""

import math

import numpy as np
import pytest

import perfcore

catboost = pytest.importorskip("catboost", reason="catboost is not installed")
QUIET = {"verbose": 0, "thread_count": 1, "random_seed": 0, "allow_writing_files": False}
RNG = np.random.default_rng(5)


def holed(n_rows, n_features=6):
    X = RNG.normal(size=(n_rows, n_features)).astype(np.float32)
    X[RNG.random(X.shape) < 0.1] = np.nan
    return X


X = holed(1200)
SUM = np.nan_to_num(X[:, :4]).sum(axis=1)
THREE = (SUM > 1).astype(int) + (SUM > -1)
FIVE = THREE + 2 * np.nan_to_num(X[:, 4] > 0.5)
TARGETS = {
    "number": SUM,
    "count": np.abs(SUM).round(),
    "two numbers": np.column_stack([SUM, -2 * SUM]),
    "two classes": SUM > 0.2,
    "three classes": THREE,
    "five classes": FIVE,
    "share": 1 / (1 + np.exp(-SUM)),
    "labels": np.column_stack([SUM > 0, SUM > 1, X[:, 0] > 0]).astype(int),
}


def train(estimator, target, **parameters):
    model = getattr(catboost, estimator)(**QUIET | {"iterations": 21, "depth": 4} | parameters)
    return model.fit(X, TARGETS[target] if isinstance(target, str) else target)


def check(model, path, *tables, iteration_range=None):
    """The object, its file and the saved predictor; one row, blocks of CatBoost's 128 and what is left of them."""
    fast = perfcore.compile(model, iteration_range=iteration_range)
    for table in tables or [X[:n] for n in (0, 1, 2, 3, 4, 7, 15, 16, 17, 127, 128, 129, 500, 1200)]:
        perfcore.verify(fast, model, table, iteration_range=iteration_range)
    model.save_model(str(path / "model.cbm"))
    perfcore.verify(
        perfcore.compile(path / "model.cbm", iteration_range=iteration_range),
        path / "model.cbm",
        X[:300],
        iteration_range=iteration_range,
    )
    fast.save(path / "model.pcore")
    perfcore.verify(perfcore.load(path / "model.pcore"), model, X[:300], iteration_range=iteration_range)
    return fast


@pytest.mark.parametrize("grow_policy", ["SymmetricTree", "Depthwise", "Lossguide"])
@pytest.mark.parametrize("nan_mode", ["Min", "Max"])
@pytest.mark.parametrize(
    ("estimator", "target"),
    [("CatBoostRegressor", "number"), ("CatBoostClassifier", "two classes"), ("CatBoostClassifier", "three classes")],
)
def test_every_way_to_grow_and_to_take_missing_values(estimator, target, grow_policy, nan_mode, tmp_path):
    check(train(estimator, target, grow_policy=grow_policy, nan_mode=nan_mode), tmp_path)


@pytest.mark.parametrize("depth", [1, 2, 6, 8, 9, 12])
def test_every_depth(depth, tmp_path):
    check(train("CatBoostRegressor", "number", depth=depth, iterations=10), tmp_path)


@pytest.mark.parametrize("iterations", [1, 2, 3, 4, 5, 8, 150])
def test_every_count_of_trees_that_catboost_adds_by_fours(iterations, tmp_path):
    check(train("CatBoostRegressor", "number", iterations=iterations), tmp_path)


@pytest.mark.parametrize(
    ("target", "loss"),
    [
        ("count", "Poisson"),
        ("count", "Tweedie:variance_power=1.5"),
        ("number", "MAE"),
        ("number", "Quantile:alpha=0.3"),
        ("number", "MultiQuantile:alpha=0.1,0.5,0.9"),
        ("number", "Huber:delta=1"),
        ("number", "LogCosh"),
        ("number", "RMSEWithUncertainty"),
        ("two numbers", "MultiRMSE"),
    ],
)
def test_regression(target, loss, tmp_path):
    fast = check(train("CatBoostRegressor", target, loss_function=loss), tmp_path)
    assert not hasattr(fast, "predict_proba") and not hasattr(fast, "classes_")


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("two classes", {}),
        ("two classes", {"auto_class_weights": "Balanced"}),
        ("share", {"loss_function": "CrossEntropy"}),
        ("three classes", {}),
        ("five classes", {}),
        ("five classes", {"loss_function": "MultiClassOneVsAll"}),
        ("labels", {"loss_function": "MultiLogloss"}),
        ("labels", {"loss_function": "MultiCrossEntropy"}),
    ],
)
def test_classification(target, parameters, tmp_path):
    check(train("CatBoostClassifier", target, **parameters), tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        np.array(["no", "yes", "perhaps"]),
        np.array(["no", "yes", "perhaps"], object),
        np.array([3, -1, 7]),
        np.array([0.5, 1.5, -2.0]),
        np.array([1, 2, 3], np.int8),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_come_back_as_catboost_gives_them(names, n_classes, tmp_path):
    model = train("CatBoostClassifier", names[np.minimum(THREE, n_classes - 1)], iterations=5)
    fast = check(model, tmp_path)
    assert fast.classes_.tolist() == model.classes_.tolist() and fast.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("loss", ["MultiClass", "MultiClassOneVsAll"])
@pytest.mark.parametrize(
    ("labels", "declared"),
    [
        ([0, 1, 2], {"class_names": [0, 1, 2, 3]}),
        ([0, 1, 2], {"class_names": [3, 0, 1, 2]}),
        ([0, 1, 2], {"class_names": [5, 1, 4, 0, 3, 2]}),
        ([0, 2, 5], {"classes_count": 9}),
        (["a", "c", "d"], {"class_names": list("bdfca")}),
        ([0.5, 1.5, 7.0], {"class_names": [0.5, 7.0, 1.5, 9.0]}),
    ],
)
def test_classes_that_were_declared_but_not_seen(labels, declared, loss, tmp_path):
    """Their raw values are -inf, and their probabilities the least that CatBoost's softmax knows, not always zero."""
    model = catboost.CatBoostClassifier(**QUIET | {"iterations": 12, "loss_function": loss}, **declared)
    model.fit(X, np.array(labels)[THREE])
    check(model, tmp_path)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.9, 1.0])
def test_a_threshold_of_ones_own(threshold, tmp_path):
    model = train("CatBoostClassifier", "two classes")
    model.set_probability_threshold(threshold)
    check(model, tmp_path)


@pytest.mark.parametrize("estimator", ["CatBoost", "CatBoostRanker"])
def test_estimators_that_answer_raw_values(estimator, tmp_path):
    loss = {"loss_function": "Logloss" if estimator == "CatBoost" else "YetiRank"}
    parameters = QUIET | {"iterations": 11, "depth": 4} | loss
    if estimator == "CatBoost":
        model = catboost.CatBoost(parameters).fit(X, TARGETS["two classes"])
    else:
        model = catboost.CatBoostRanker(**parameters)
        model.fit(X, TARGETS["count"], group_id=np.arange(len(X)) // 20)
    check(model, tmp_path)


@pytest.mark.parametrize("scale", [1.0, 2.5, -0.3])
@pytest.mark.parametrize("bias", [0.0, 0.7])
def test_scale_and_bias(scale, bias, tmp_path):
    model = train("CatBoostRegressor", "number")
    model.set_scale_and_bias(scale, [bias])
    check(model, tmp_path)
    check(model, tmp_path, iteration_range=(2, 9))


@pytest.mark.parametrize("iteration_range", [(0, 0), (0, 1), (0, 21), (5, 6), (7, 21)])
@pytest.mark.parametrize("target", ["number", "five classes"])
def test_iteration_ranges(iteration_range, target, tmp_path):
    estimator = "CatBoostRegressor" if target == "number" else "CatBoostClassifier"
    check(train(estimator, target), tmp_path, iteration_range=iteration_range)


@pytest.mark.parametrize("iteration_range", [(0, 22), (-1, 5), (5, 5), (6, 5), (5, 0), (21, 21)])
def test_iteration_ranges_that_catboost_refuses(iteration_range):
    model = train("CatBoostRegressor", "number")
    with pytest.raises(catboost.CatBoostError):
        model.predict(X, ntree_start=iteration_range[0], ntree_end=iteration_range[1])
    with pytest.raises(perfcore.ConfigurationError, match="iteration_range"):
        perfcore.compile(model, iteration_range=iteration_range)


def test_a_model_shrunk_to_its_best_iteration(tmp_path):
    model = catboost.CatBoostClassifier(**QUIET | {"iterations": 200, "learning_rate": 0.8})
    model.fit(X[:600], THREE[:600], eval_set=(X[600:], THREE[600:]), early_stopping_rounds=5)
    assert model.tree_count_ < 200
    assert check(model, tmp_path)._model.body.n_trees == model.tree_count_


def test_columns_that_no_tree_asks_for(tmp_path):
    model = catboost.CatBoostRegressor(**QUIET | {"iterations": 3, "depth": 2, "ignored_features": [0, 2, 5]})
    model.fit(X, SUM)
    check(model, tmp_path)
    check(model, tmp_path, X[:, :5], np.column_stack([X, X]))
    model.drop_unused_features()
    check(model, tmp_path, X, X[:, :5])


def test_cells_at_and_beside_every_border(tmp_path):
    model = train("CatBoostRegressor", "number", iterations=100)
    borders = np.unique(np.concatenate([b for b in model.get_borders().values() if len(b)]).astype(np.float32))
    near = [borders, np.nextafter(borders, np.float32(9)), np.nextafter(borders, np.float32(-9))]
    cells = np.concatenate([*near, [0.0, -0.0, 1e-45, np.inf, -np.inf, np.nan, 3.4e38]]).astype(np.float32)
    rows = np.column_stack([np.roll(cells, 7 * j) for j in range(6)])
    with np.errstate(over="ignore"):
        half = rows.astype(np.float64) + np.spacing(rows).astype(np.float64) / 2  # ties, which round to even
        check(
            model, tmp_path, rows, half, np.nextafter(half, 9), np.nextafter(half, -9), rows.astype(np.float64) * 1e39
        )


def test_many_borders_of_one_column(tmp_path):
    """CatBoost keeps 254 borders to a byte, and several bytes for more."""
    wide = RNG.normal(size=(4000, 2)).astype(np.float32)
    parameters = {"iterations": 300, "depth": 6, "border_count": 2000}
    model = catboost.CatBoostRegressor(**QUIET | parameters).fit(wide, np.sin(9 * wide[:, 0]) + wide[:, 1])
    assert max(map(len, model.get_borders().values())) > 254
    perfcore.verify(perfcore.compile(model), model, RNG.normal(size=(3000, 2)))


# What its two forms of one exponential differ in: a fused product in the scalar one, and the ends.
EXPONENTS = [1.1610347162691461, -4.1742985292431811, 2.5497570971647301, -3.1982301567731626, 0.0, -0.0]
EXPONENTS += [709.7827128, 709.78271289338397, 709.7827255, 710.0, -708.396418532, -708.39641853226408, -709.0, -1e300]


def stump(values, loss="Poisson", target=None):
    """A model of one tree with leaves as given, which answers so once it is copied."""
    column = np.repeat(np.arange(8, dtype=np.float32)[:, None], 50, axis=0)
    parameters = QUIET | {"iterations": 1, "depth": 1, "loss_function": loss}
    kind = catboost.CatBoostRegressor if loss == "Poisson" else catboost.CatBoostClassifier
    model = kind(**parameters).fit(column, column[:, 0] * 1.0 if target is None else target[column[:, 0].astype(int)])
    model.set_leaf_values(np.array(values, np.float64))
    return model.copy()


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_the_exponent_depends_on_how_many_rows_there_are(exponent, assert_same_bits):
    model = stump([exponent, exponent])
    fast = perfcore.compile(model)
    for n_rows in range(10):
        rows = np.zeros((n_rows, 1), np.float32)
        assert_same_bits(model.predict(rows), fast.predict(rows), n_rows)
    assert_same_bits(model.predict(np.zeros((1, 1)))[0], fast.predict_one([0.0]))


@pytest.mark.parametrize("n_classes", [3, 4, 5, 7, 8])
def test_softmax_of_awkward_values(n_classes, assert_same_bits):
    values = np.resize([*EXPONENTS[:4], -800.0, -708.5, 0.0], 2 * n_classes)
    model = stump(values, "MultiClass", np.arange(8) % n_classes)
    rows = np.arange(8, dtype=np.float32)[:, None]
    fast = perfcore.compile(model)
    assert_same_bits(model.predict_proba(rows), fast.predict_proba(rows))
    assert_same_bits(model.predict_log_proba(rows), fast.predict_log_proba(rows))
    assert_same_bits(model.predict(rows), fast.predict(rows))


@pytest.mark.parametrize("loss", ["Logloss", "MultiClassOneVsAll"])
def test_logarithms_of_awkward_values(loss, assert_same_bits):
    n_classes = 2 if loss == "Logloss" else 3
    for sign in (1, -1):
        values = sign * np.array([*EXPONENTS[:4], -800.0, -708.5, 0.0, 0.1, 36.7, 37.0, 1e-300])
        for begin in range(0, len(values), 2):
            model = stump(
                np.resize(values[begin:], 2 * (n_classes if n_classes > 2 else 1)), loss, np.arange(8) % n_classes
            )
            rows = np.arange(8, dtype=np.float32)[:, None]
            expected, found = model.predict_log_proba(rows), perfcore.compile(model).predict_log_proba(rows)
            assert_same_bits(expected, found, values[begin])
            assert expected.flags.f_contiguous == found.flags.f_contiguous


def test_the_threshold_is_the_very_logit(assert_same_bits):
    for probability in (0.6045030602518363, 0.9712186320007055, 0.3911429954995217):
        logit = -math.log(1 / probability - 1)
        model = stump([logit, np.nextafter(logit, 9)], "Logloss", np.arange(8) > 3)
        model.set_probability_threshold(probability)
        model = model.copy()
        rows = np.array([[0.0], [7.0]])
        assert model.predict(rows).tolist() == [False, True]
        assert_same_bits(model.predict(rows), perfcore.compile(model).predict(rows))


def test_leaves_set_after_a_first_answer_are_refused():
    model = train("CatBoostRegressor", "number")
    model.predict(X)
    model.set_leaf_values(model.get_leaf_values() + 1)
    with pytest.raises(perfcore.UnsupportedModelError, match="answers otherwise than what it saves"):
        perfcore.compile(model)
    perfcore.verify(perfcore.compile(model.copy()), model.copy(), X)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_threads(n_threads):
    model = train("CatBoostClassifier", "five classes", iterations=60)
    fast = perfcore.compile(model, n_threads=n_threads)
    perfcore.verify(fast, model, np.tile(X, (5, 1)))


def test_a_subclass_is_read_and_its_own_answers_are_refused():
    class Own(catboost.CatBoostRegressor):
        pass

    class Doubled(Own):
        def predict(self, X):
            return 2 * super().predict(X)

    perfcore.verify(perfcore.compile(own := Own(**QUIET, iterations=3).fit(X, SUM)), own, X)
    with pytest.raises(perfcore.UnsupportedModelError, match="Doubled defines predict"):
        perfcore.compile(Doubled(**QUIET, iterations=3).fit(X, SUM))


def test_what_is_not_read_is_refused_with_the_reason():
    texts = [[*row, "some text" if row[0] > 0 else "other"] for row in X.tolist()]
    model = catboost.CatBoostClassifier(**QUIET | {"iterations": 5}).fit(texts, X[:, 0] > 0, text_features=[6])
    with pytest.raises(perfcore.UnsupportedModelError, match="text and estimated features"):
        perfcore.compile(model)
    vectors = [[*row, row[:2]] for row in np.nan_to_num(X).tolist()]
    model = catboost.CatBoostClassifier(**QUIET | {"iterations": 5}).fit(vectors, X[:, 0] > 0, embedding_features=[6])
    with pytest.raises(perfcore.UnsupportedModelError, match="embedding features"):
        perfcore.compile(model)
    with pytest.raises(perfcore.ConfigurationError, match="not fitted"):
        perfcore.compile(catboost.CatBoostRegressor())
    with pytest.raises(perfcore.UnsupportedModelError, match="catboost.Pool: perfcore reads"):
        perfcore.compile(catboost.Pool(X))
