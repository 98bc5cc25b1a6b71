"""HistGradientBoosting with category columns: recoded and routed as the source's own encoder and trees do."""

import pickle
import warnings

import numpy as np
import pytest

import perfcore

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

RNG = np.random.default_rng(17)
N = 1200
COLORS = np.array(["red", "green", "blue", "violet", "ochre"])
CODES = RNG.integers(0, 5, N)
MANY = RNG.integers(0, 200, N)
WIDTH = RNG.normal(size=N)
TARGET = np.array([0.3, -1, 2, 0, 1])[CODES] + WIDTH + np.sin(MANY * 1.7) + RNG.normal(size=N) * 0.1
MISSING = RNG.random(N) < 0.1
QUICK = {"max_iter": 15, "min_samples_leaf": 5, "random_state": 0}


@pytest.fixture(scope="module", autouse=True)
def one_openmp_thread():
    with threadpool_limits(1):
        yield


def outcome(function, table):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return "answer", function(table), [str(each.message) for each in caught]
        except (TypeError, ValueError) as error:
            return "error", error, None


def check(model, tables, assert_same_bits):
    fast = perfcore.compile(model)
    again = pickle.loads(pickle.dumps(fast))
    for label, table in tables.items():
        for method in ("predict", "predict_proba", "decision_function"):
            if hasattr(model, method):
                source, ours = outcome(getattr(model, method), table), outcome(getattr(fast, method), table)
                assert source[0] == ours[0], (label, source, ours)
                if source[0] == "error":
                    assert isinstance(ours[1], perfcore.InputError), (label, ours)
                    continue
                assert_same_bits(source[1], ours[1], label, method)
                assert_same_bits(source[1], outcome(getattr(again, method), table)[1], label, method, "restored")
                assert source[2] == ours[2], label
    return fast


def frame(colors=None, **columns):
    colors = COLORS[CODES] if colors is None else colors
    table = pd.DataFrame({"width": WIDTH, "color": pd.Categorical(colors), "many": pd.Categorical(MANY)})
    return table.assign(**columns)


WITH_MISSING = frame(
    np.where(MISSING, None, COLORS[CODES]).astype(object), width=np.where(MISSING[::-1], np.nan, WIDTH)
)


def frames():
    table = frame()
    swapped = table.color.cat.reorder_categories(COLORS)
    return {
        "as trained": table,
        "one row": table[:1],
        "with missing": WITH_MISSING,
        "other order of categories": table.assign(color=swapped),
        "fewer categories": table[table.color == "red"].assign(color=lambda t: t.color.cat.remove_unused_categories()),
        "unseen categories": frame(np.where(CODES == 1, "unseen", COLORS[CODES])),
        "none of the categories": frame(np.full(N, "unseen")),
        "objects": table.assign(color=COLORS[CODES].astype(object)),
        "strings": table.assign(color=pd.array(COLORS[CODES], "string")),
        "objects with None": table.assign(color=np.where(MISSING, None, COLORS[CODES]).astype(object)),
        "objects with NaN": table.assign(color=pd.Series(COLORS[CODES]).astype(object).where(~MISSING, np.nan)),
        "numbers for text": table.assign(color=CODES),
        "floats for codes": table.assign(many=MANY.astype(float)),
        "negative codes": table.assign(many=MANY - 7),
        "fractional codes": table.assign(many=MANY + 0.5),
        "infinite code": table.assign(many=np.where(MISSING, np.inf, MANY)),
        "nullable codes": table.assign(many=pd.array(MANY, "Int64")),
        "nullable codes with NA": table.assign(many=pd.array(np.where(MISSING, None, MANY), "Int64")),
        "bools for codes": table.assign(many=MANY > 100),
        "text for codes": table.assign(many=MANY.astype(str)),
        "float32 width": table.assign(width=WIDTH.astype(np.float32)),
        "int width": table.assign(width=(WIDTH * 5).astype(int)),
        "nullable width": table.assign(width=pd.array(np.where(MISSING, None, WIDTH), "Float64")),
        "infinite width": table.assign(width=WIDTH * np.inf),
        "text width": table.assign(width="wide"),
        "category width": table.assign(width=pd.Categorical(CODES)),
        "columns in another order": table[["many", "width", "color"]],
        "one column more": table.assign(more=1),
        "one column fewer": table[["width", "color"]],
        "other names": table.rename(columns={"color": "colour"}),
        "numbers for names": table.set_axis([0, 1, 2], axis=1),
        "no rows": table[:0],
        "an array of objects": table.to_numpy(),
        "a list": table[:9].to_numpy().tolist(),
        "longer than a block": pd.concat([WITH_MISSING] * 8, ignore_index=True),
        "a series": table.width,
    }


@pytest.mark.parametrize("trained_with_missing", [False, True])
def test_frames_with_category_columns_are_the_sources_bits(trained_with_missing, assert_same_bits):
    table = WITH_MISSING if trained_with_missing else frame()
    check(HistGradientBoostingRegressor(**QUICK).fit(table, TARGET), frames(), assert_same_bits)
    classes = np.digitize(TARGET, [-0.5, 1])
    check(HistGradientBoostingClassifier(max_iter=4).fit(table, classes), frames(), assert_same_bits)


def test_text_columns_named_as_categories(assert_same_bits):
    table = frame(color=COLORS[CODES].astype(object), many=MANY)
    model = HistGradientBoostingRegressor(categorical_features=["color", "many"], **QUICK).fit(table, TARGET)
    check(model, frames(), assert_same_bits)
    holed = table.assign(color=np.where(MISSING, None, COLORS[CODES]).astype(object))
    model = HistGradientBoostingRegressor(categorical_features=["color"], **QUICK).fit(holed, TARGET)
    check(model, frames() | {"None is a category": holed}, assert_same_bits)


def test_arrays_with_category_columns_are_the_sources_bits(assert_same_bits):
    table = np.c_[CODES * 1.0, WIDTH, MANY, np.where(MISSING, np.nan, CODES)]
    tables = {
        "float64": table,
        "float32": table.astype(np.float32),
        "Fortran": np.asfortranarray(table),
        "int": np.nan_to_num(table).astype(int),
        "bool": table > 2,
        "object": table.astype(object),
        "strings": table[:50].astype(str),
        "list": table[:9].tolist(),
        "one row": table[:1],
        "missing": np.where(RNG.random(table.shape) < 0.2, np.nan, table),
        "unseen": table + 1000,
        "negative": -table,
        "fractions": table + 0.25,
        "infinite": np.where(table > 2, np.inf, table),
        "too narrow": table[:, :3],
        "1-D": table[0],
        "complex": table.astype(complex),
        "frame": pd.DataFrame(table, columns=list("abcd")),
        "longer than a block": np.tile(table, (8, 1)),
    }
    for categories in ([0, 2, 3], [True, False, True, False], [0, 1, 2, 3]):
        if categories == [0, 1, 2, 3]:
            table[:, 1] = np.round(table[:, 1])
        model = HistGradientBoostingRegressor(categorical_features=categories, **QUICK).fit(table, TARGET)
        check(model, tables, assert_same_bits)


def test_bool_and_object_categories(assert_same_bits):
    table = np.c_[CODES > 2, MANY > 100]
    model = HistGradientBoostingRegressor(categorical_features=[0, 1], **QUICK).fit(table, TARGET)
    check(model, {"bool": table, "int": table.astype(int), "list": table[:5].tolist()}, assert_same_bits)
    mixed = np.c_[COLORS[CODES].astype(object), WIDTH.astype(object)]
    model = HistGradientBoostingRegressor(categorical_features=[0], **QUICK).fit(mixed, TARGET)
    strings = mixed.astype(str)
    check(model, {"object": mixed, "list": mixed.tolist(), "strings": strings, "floats": table * 1.0}, assert_same_bits)


def test_a_category_used_as_a_number_is_none(assert_same_bits):
    """Without categorical_features the codes are numbers, whatever the column's type."""
    table = frame()[["width", "many"]]
    model = HistGradientBoostingRegressor(categorical_features=None, **QUICK).fit(table, TARGET)
    check(model, {"as trained": table, "floats": table.astype(float)}, assert_same_bits)


def test_one_row_with_categories(assert_same_bits):
    model = HistGradientBoostingRegressor(**QUICK).fit(WITH_MISSING, TARGET)
    fast = perfcore.compile(model)
    expected = model.predict(WITH_MISSING)
    for i in range(40):
        width, color, many = WITH_MISSING.iloc[i]
        assert_same_bits(expected[i], fast.predict_one({"many": many, "color": color, "width": width}))
        assert_same_bits(expected[i], fast.predict_one([width, color, many]))
        assert_same_bits(expected[i], fast.predict_one(WITH_MISSING.iloc[i]))
        assert_same_bits(expected[i], fast.predict_one(WITH_MISSING.iloc[i].to_numpy()))
    unseen = frame(np.full(N, "unseen"))[:1]
    assert_same_bits(model.predict(unseen)[0], fast.predict_one([unseen.width[0], "unseen", unseen.many[0]]))
    for wrong in (["x", "red", 3], [1.0, ["red"], 3], [1.0, "red"]):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)


def test_categories_that_no_file_holds_are_refused():
    dates = pd.Categorical(pd.Timestamp("2020-01-01") + pd.to_timedelta(CODES, "D"))
    model = HistGradientBoostingRegressor(**QUICK).fit(frame(color=dates), TARGET)
    with pytest.raises(perfcore.UnsupportedModelError, match="column 1: categories"):
        perfcore.compile(model)


def test_dates_and_spans_are_no_numbers():
    table = frame(height=WIDTH)
    model = HistGradientBoostingRegressor(**QUICK).fit(table, TARGET)
    dates = pd.date_range("2020-01-01", periods=N)
    for column in (dates, dates - dates[0], dates.tz_localize("UTC")):
        with pytest.raises(TypeError):
            model.predict(table.assign(width=column))
        with pytest.raises(perfcore.InputError, match="no number"):
            perfcore.compile(model).predict(table.assign(width=column))


def test_the_predictor_names_the_users_columns():
    model = HistGradientBoostingRegressor(**QUICK).fit(frame(), TARGET)
    fast = perfcore.compile(model)
    assert fast.feature_names_in_.tolist() == ["width", "color", "many"] and fast.n_features_in_ == 3
