"""Trained XGBoost models, live and from file: every objective, booster and shape, to the bit."""

import warnings

import numpy as np
import pytest

import perfcore

xgboost = pytest.importorskip("xgboost")
RNG = np.random.default_rng(11)
N = 220
X = RNG.normal(size=(N, 5)).astype(np.float32)
X[RNG.random(X.shape) < 0.12] = np.nan
X[:, 4] = RNG.choice([0.0, -0.0, 1e-45, -1e-45, 1e-38, 1.0, np.nan], N).astype(np.float32)
Z = np.nan_to_num(X)
SIGNAL = Z[:, 0] * Z[:, 1] + Z[:, 2] + Z[:, 4]
BINARY = (SIGNAL > 0).astype(int)
POSITIVE = np.abs(SIGNAL) + 0.1
CLASSES = np.digitize(SIGNAL, [-1.0, 0.0, 1.0])
LABELS = np.column_stack([BINARY, Z[:, 1] > 0, Z[:, 3] > 0]).astype(int)
TARGETS = np.column_stack([SIGNAL, -Z[:, 1]])

OBJECTIVES = {
    "reg:squarederror": SIGNAL,
    "reg:squaredlogerror": POSITIVE,
    "reg:logistic": BINARY,
    "reg:pseudohubererror": SIGNAL,
    "reg:absoluteerror": SIGNAL,
    "reg:quantileerror": SIGNAL,
    "reg:gamma": POSITIVE,
    "reg:tweedie": POSITIVE,
    "binary:logistic": BINARY,
    "binary:logitraw": BINARY,
    "binary:hinge": BINARY,
    "count:poisson": np.round(POSITIVE * 3),
    "multi:softmax": CLASSES,
    "multi:softprob": CLASSES,
    "rank:pairwise": BINARY,
    "rank:ndcg": BINARY,
    "survival:cox": POSITIVE,
    "survival:aft": POSITIVE,
}


@pytest.fixture(autouse=True)
def quiet():
    with xgboost.config_context(verbosity=0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def train(objective, rounds=4, **parameters):
    parameters = {"objective": objective, "max_depth": 4, "eta": 0.6, "nthread": 1, **parameters}
    if parameters.get("booster") == "dart":
        parameters |= {"rate_drop": 0.5, "one_drop": 1}
    if parameters.get("num_parallel_tree", 1) > 1:
        parameters |= {"subsample": 0.7}
    if objective == "reg:quantileerror":
        parameters.setdefault("quantile_alpha", [0.1, 0.5, 0.9])
    if objective.startswith("multi"):
        parameters["num_class"] = 4
    table = xgboost.DMatrix(X, OBJECTIVES[objective])
    if objective.startswith("rank"):
        table.set_group([N // 4] * 4)
    if objective == "survival:aft":
        table.set_float_info("label_lower_bound", POSITIVE)
        table.set_float_info("label_upper_bound", POSITIVE * 1.5)
    return xgboost.train(parameters, table, rounds)


def neighbours(booster):
    """Rows at and around every threshold, as float64 that round to either side."""
    thresholds = np.unique(booster.trees_to_dataframe()["Split"].dropna().to_numpy(np.float32))[:60]
    around = [np.nextafter(thresholds, np.float32(side)) for side in (-np.inf, np.inf)]
    cells = np.concatenate([thresholds, *around]).astype(np.float64)
    half = (thresholds.astype(np.float64) + around[0]) / 2
    cells = np.concatenate([cells, half, np.nextafter(half, -np.inf), np.nextafter(half, np.inf)])
    cells = np.concatenate([cells, [0.0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38, np.nan]])
    return np.column_stack([np.roll(cells, 7 * j) for j in range(X.shape[1])])


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_booster_of_any_objective(objective, booster, tmp_path, assert_same_bits):
    parallel = 1 if booster == "dart" or objective in ("reg:absoluteerror", "reg:quantileerror") else 2
    model = train(objective, booster=booster, num_parallel_tree=parallel)
    rows = neighbours(model)
    sources = [model, tmp_path / "model.json", tmp_path / "model.ubj"]
    for path in sources[1:]:
        model.save_model(path)
    for table in (X, rows):
        matrix = xgboost.DMatrix(table)
        for source in sources:
            fast = perfcore.compile(source)
            assert_same_bits(model.predict(matrix), fast.predict(table), source)
            assert_same_bits(model.predict(matrix, output_margin=True), fast.predict_raw(table), source)
            assert_same_bits(model.predict(matrix, pred_leaf=True), fast.apply(table), source)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_transform_of_many_margins(objective, assert_same_bits):
    """So many that two ways to round would differ: exp in float32 and in double part in one of 1,500."""
    model = train(objective, rounds=1)
    fast = perfcore.compile(model)
    shape = (20_000, fast._model.body.n_outputs)
    base = (np.random.default_rng(3).normal(size=shape) * 4).astype(np.float32)
    matrix = xgboost.DMatrix(np.zeros((len(base), X.shape[1])), base_margin=base.squeeze())
    margins = model.predict(matrix, output_margin=True).reshape(shape)
    assert_same_bits(model.predict(matrix), fast._model.answers.predict(margins.copy()))


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("objective", ["reg:squarederror", "multi:softprob"])
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
def test_ranges_of_rounds(objective, booster, parallel, assert_same_bits):
    model = train(objective, booster=booster, num_parallel_tree=parallel)
    for rounds in [(0, 0), (0, 1), (1, 3), (2, 0), (4, 4)]:
        fast = perfcore.compile(model, iteration_range=rounds)
        assert_same_bits(model.predict(xgboost.DMatrix(X), iteration_range=rounds), fast.predict(X), rounds)
        assert hasattr(fast, "apply") == (rounds[0] == 0)  # xgboost has leaves of a range from 0 only
    for rounds in [(0, 5), (3, 2), (-1, 2)]:
        with pytest.raises(perfcore.errors.ConfigurationError, match="boosting rounds"):
            perfcore.compile(model, iteration_range=rounds)


@pytest.mark.parametrize("rows", [0, 1, 7, 64, 513, 1500])
def test_batch_sizes_and_layouts(rows, assert_same_bits):
    model = train("multi:softprob", rounds=6)
    fast = perfcore.compile(model)
    table = np.resize(X, (rows, X.shape[1]))
    expected = model.predict(xgboost.DMatrix(table))
    wide = np.full((rows, 2 * X.shape[1]), 7.0, np.float32)
    wide[:, ::2] = table
    for X_ in (
        table, table.astype(np.float64), np.asfortranarray(table), wide[:, ::2],
        np.ascontiguousarray(table[::-1, ::-1])[::-1, ::-1], table.tolist() if rows else table,
    ):  # fmt: skip
        assert_same_bits(expected, fast.predict(X_))
        assert_same_bits(expected, fast.predict(X_, n_threads=2))


ESTIMATORS = {
    "binary": ("XGBClassifier", BINARY, {}),
    "classes": ("XGBClassifier", CLASSES, {}),
    "softmax": ("XGBClassifier", CLASSES, {"objective": "multi:softmax"}),
    "labels": ("XGBClassifier", LABELS, {}),
    "hinge": ("XGBClassifier", BINARY, {"objective": "binary:hinge"}),
    "logitraw": ("XGBClassifier", BINARY, {"objective": "binary:logitraw"}),
    "vector classes": ("XGBClassifier", CLASSES, {"multi_strategy": "multi_output_tree"}),
    "regressor": ("XGBRegressor", SIGNAL, {}),
    "poisson": ("XGBRegressor", np.round(POSITIVE), {"objective": "count:poisson"}),
    "targets": ("XGBRegressor", TARGETS, {}),
    "vectors": ("XGBRegressor", TARGETS, {"multi_strategy": "multi_output_tree"}),
    "forest": ("XGBRFClassifier", BINARY, {}),
    "forest regressor": ("XGBRFRegressor", SIGNAL, {}),
    "model": ("XGBModel", SIGNAL, {"objective": "reg:squarederror"}),
}


@pytest.mark.parametrize("missing", [np.nan, 0.0])
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_as_its_own_methods(name, booster, missing, assert_same_bits):
    kind, y, parameters = ESTIMATORS[name]
    if booster == "dart":
        if "vector" in name:
            pytest.skip("xgboost has no dart with vector leaves")
        parameters = parameters | {"rate_drop": 0.5, "one_drop": True}
    estimator = getattr(xgboost, kind)(
        n_estimators=4, max_depth=3, booster=booster, missing=missing, base_score=0.37, n_jobs=1, **parameters
    )
    cells = X if np.isnan(missing) else np.where(np.isnan(X), np.float32(missing), np.round(X, 1))
    estimator.fit(cells, y)
    fast = perfcore.compile(estimator)
    for table in (cells, cells.astype(np.float64), cells[:1]):
        for method in ("predict", "predict_proba", "apply"):
            assert hasattr(fast, method) == hasattr(estimator, method)
            if hasattr(estimator, method):
                ours, theirs = getattr(fast, method)(table), getattr(estimator, method)(table)
                assert_same_bits(theirs, ours, method)
                assert ours.flags.c_contiguous == theirs.flags.c_contiguous
        assert_same_bits(estimator.predict(table, output_margin=True), fast.predict_raw(table))
    if hasattr(estimator, "classes_"):
        assert_same_bits(estimator.classes_, fast.classes_)
    assert fast.n_features_in_ == estimator.n_features_in_


def test_dart_of_an_estimator_sums_as_inplace_predict_does(assert_same_bits):
    estimator = xgboost.XGBRegressor(n_estimators=30, booster="dart", rate_drop=0.4, base_score=1234.5, n_jobs=1)
    estimator.fit(X, SIGNAL)
    assert_same_bits(estimator.predict(X), perfcore.compile(estimator).predict(X))
    booster = estimator.get_booster()
    assert_same_bits(booster.predict(xgboost.DMatrix(X)), perfcore.compile(booster).predict(X))


def test_an_estimator_uses_its_best_iteration_and_its_booster_does_not(assert_same_bits):
    estimator = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=2, learning_rate=1.0, n_jobs=1)
    estimator.fit(X[:120], BINARY[:120], eval_set=[(X[120:], 1 - BINARY[120:])], verbose=False)
    booster = estimator.get_booster()
    assert estimator.best_iteration + 1 < booster.num_boosted_rounds()
    assert_same_bits(estimator.predict_proba(X), perfcore.compile(estimator).predict_proba(X))
    assert_same_bits(booster.predict(xgboost.DMatrix(X)), perfcore.compile(booster).predict(X))
    part = perfcore.compile(estimator, iteration_range=(0, 2))
    assert_same_bits(estimator.predict_proba(X, iteration_range=(0, 2)), part.predict_proba(X))


def test_a_ranker(assert_same_bits):
    pandas = pytest.importorskip("pandas")
    estimator = xgboost.XGBRanker(n_estimators=4, n_jobs=1).fit(X, BINARY, qid=np.repeat(np.arange(4), N // 4))
    fast = perfcore.compile(estimator)
    assert_same_bits(estimator.predict(X), fast.predict(X))
    frame = pandas.DataFrame(X).assign(qid=0)
    assert_same_bits(estimator.predict(frame), fast.predict(frame))


def test_custom_objectives_answer_margins(assert_same_bits):
    def squared(labels, margins):
        return margins - labels, np.ones_like(margins)

    for kind, y in (("XGBRegressor", SIGNAL), ("XGBClassifier", BINARY)):
        estimator = getattr(xgboost, kind)(n_estimators=3, objective=squared, n_jobs=1).fit(X, y)
        assert_same_bits(estimator.predict(X), perfcore.compile(estimator).predict(X))


@pytest.mark.parametrize("score", [0.0, 1e-9, 0.3, 1.0])
def test_base_scores_at_their_ends(score, assert_same_bits):
    for objective in ("reg:squarederror", "count:poisson", "binary:logistic"):
        if objective == "binary:logistic" and score in (0.0, 1.0):
            continue  # training refuses them
        try:
            model = train(objective, base_score=score)
        except xgboost.core.XGBoostError:
            continue
        assert_same_bits(model.predict(xgboost.DMatrix(X)), perfcore.compile(model).predict(X), objective)


def test_no_rounds_at_all(assert_same_bits):
    model = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(X, CLASSES % 3), 0)
    fast = perfcore.compile(model)
    assert_same_bits(model.predict(xgboost.DMatrix(X)), fast.predict(X))
    assert_same_bits(model.predict(xgboost.DMatrix(X), pred_leaf=True), fast.apply(X))


def test_zero_rows(assert_same_bits):
    for name in ("binary", "labels", "regressor", "targets"):
        kind, y, parameters = ESTIMATORS[name]
        estimator = getattr(xgboost, kind)(n_estimators=2, n_jobs=1, **parameters).fit(X, y)
        fast = perfcore.compile(estimator)
        for method in ("predict", "predict_proba", "apply"):
            if hasattr(estimator, method):
                assert_same_bits(getattr(estimator, method)(X[:0]), getattr(fast, method)(X[:0]), name, method)


def test_what_cannot_be_answered_is_refused():
    class Doubled(xgboost.XGBRegressor):
        def predict(self, X):
            return 2 * super().predict(X)

    with pytest.raises(perfcore.errors.UnsupportedModelError, match="Doubled defines predict"):
        perfcore.compile(Doubled(n_estimators=1).fit(X, SIGNAL))


def test_a_plain_subclass_is_read_as_its_base(assert_same_bits):
    class Named(xgboost.XGBRegressor):
        pass

    estimator = Named(n_estimators=2).fit(X, SIGNAL)
    assert_same_bits(estimator.predict(X), perfcore.compile(estimator).predict(X))


def test_one_row_and_the_saved_file(tmp_path, assert_same_bits):
    estimator = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, CLASSES)
    fast = perfcore.compile(estimator)
    fast.save(tmp_path / "model.pcore")
    for predictor in (fast, perfcore.load(tmp_path / "model.pcore")):
        assert_same_bits(estimator.predict_proba(X), predictor.predict_proba(X))
        for row in X[:5]:
            assert_same_bits(estimator.predict_proba(row[None])[0], predictor.predict_proba_one(row))
            assert_same_bits(estimator.predict(row[None])[0], predictor.predict_one(row.tolist()))


@pytest.mark.parametrize(("trained", "changed"), [("dart", "gbtree"), ("gbtree", "dart")])
def test_a_booster_of_another_kind_since_training_is_refused_or_answers_alike(trained, changed):
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    matrix = xgboost.DMatrix(rows, rows[:, 0] > 0)
    booster = xgboost.train({"booster": trained, "objective": "binary:logistic", "max_depth": 2}, matrix, 4)
    booster.set_param({"booster": changed})
    try:
        answers = perfcore.compile(booster).predict(rows)
    except perfcore.UnsupportedModelError:
        assert tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 3)
    else:
        assert answers.tobytes() == booster.predict(matrix).tobytes()


TAKES_A_BASE_SCORE_FOR_A_MARGIN = tuple(map(int, xgboost.__version__.split(".")[:2])) >= (3, 1)
MARGIN_IS_NOT_BASE_SCORE = {
    "binary:logistic", "reg:logistic", "count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft",
}  # fmt: skip


@pytest.mark.parametrize("base_score", [None, 0.25])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_of_no_rounds_what_all_versions_answer_alike_is_answered_and_the_rest_refused(
    objective, base_score, tmp_path, assert_same_bits
):
    settled = objective not in MARGIN_IS_NOT_BASE_SCORE or base_score is not None
    booster = train(objective, rounds=0, **({} if base_score is None else {"base_score": base_score}))
    paths = [str(tmp_path / name) for name in ("model.json", "model.ubj")]
    for path in paths:
        booster.save_model(path)
    for source in (booster, *paths):
        if settled or (source is booster and not TAKES_A_BASE_SCORE_FOR_A_MARGIN):
            opened = source if source is booster else xgboost.Booster(model_file=source)
            assert_same_bits(opened.predict(xgboost.DMatrix(X)), perfcore.compile(source).predict(X), source)
        else:
            with pytest.raises(perfcore.UnsupportedModelError, match="no rounds"):
                perfcore.compile(source)


@pytest.mark.parametrize("name", ["binary", "classes", "regressor", "poisson"])
@pytest.mark.parametrize("base_score", [None, 0.25])
def test_estimators_of_no_rounds_answer_alike_or_are_refused(name, base_score, assert_same_bits):
    kind, y, parameters = ESTIMATORS[name]
    estimator = getattr(xgboost, kind)(**(parameters | {"n_estimators": 0, "base_score": base_score})).fit(X, y)
    settled = name in ("classes", "regressor") or base_score is not None or not TAKES_A_BASE_SCORE_FOR_A_MARGIN
    if not settled:
        with pytest.raises(perfcore.UnsupportedModelError, match="no rounds"):
            perfcore.compile(estimator)
        return
    fast = perfcore.compile(estimator)
    for method in {"predict", "predict_proba"} & set(dir(estimator)):
        assert_same_bits(getattr(estimator, method)(X), getattr(fast, method)(X), method)


def test_an_estimator_of_another_kind_since_training_is_refused_or_answers_alike(assert_same_bits):
    estimator = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(X, BINARY)
    estimator.get_booster().set_param({"booster": "dart"})
    try:
        expected = estimator.predict_proba(X)
    except xgboost.core.XGBoostError:
        with pytest.raises(perfcore.UnsupportedModelError, match="fails to answer") as error:
            perfcore.compile(estimator)
        assert "\n" not in str(error.value)
    else:
        assert_same_bits(expected, perfcore.compile(estimator).predict_proba(X))
