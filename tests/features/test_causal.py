"""assert_causal: passes what looks back, names the column and row of what looks ahead."""

import numpy as np
import pytest

from perfcore import ConfigurationError, InputError, MismatchError
from perfcore import features as f
from perfcore.testing import assert_causal

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


def races(n_races=40, seed=0):
    random = np.random.default_rng(seed)
    race = np.repeat(np.arange(n_races), 6)
    return pd.DataFrame(
        {
            "race": race,
            "racer": np.concatenate([random.permutation(30)[:6] for _ in range(n_races)]),
            "rating": random.normal(size=len(race)).round(2),
            "place": np.concatenate([random.permutation(6) + 1.0 for _ in range(n_races)]),
            "name": np.array(["a", "b", "c"])[random.integers(0, 3, len(race))],
        }
    )


class Made:
    """A transformer of one function of a pandas table."""

    def __init__(self, function):
        self.function = function

    def transform(self, table):
        made = self.function(table)
        return made.to_frame("made") if isinstance(made, pd.Series) else made


CAUSAL = {
    "of the row": lambda t: t["rating"] * 2,
    "rank within the race": lambda t: t.groupby("race")["rating"].rank(),
    "results before this race": lambda t: t.groupby("racer")["place"].transform(lambda x: x.shift().expanding().mean()),
    "text": lambda t: t["name"].str.upper(),
    "rolling": lambda t: t["rating"].rolling(5, min_periods=1).mean(),
    "two columns": lambda t: t[["name", "rating"]],
}
LEAKS = {
    "a window around the row": lambda t: t["rating"].rolling(5, center=True, min_periods=1).mean(),
    "the next row": lambda t: t["rating"].shift(-1),
    "all rows' z-score": lambda t: (t["rating"] - t["rating"].mean()) / t["rating"].std(),
    "the racer's mean over all races": lambda t: t.groupby("racer")["rating"].transform("mean"),
    "a fill from behind": lambda t: t["rating"].where(t["rating"] > 0).bfill(),
    "the rank in all rows": lambda t: t["rating"].rank(),
    "the order of another column": lambda t: t.sort_values("rating")["place"].cumsum().sort_index(),
    "columns by what is there": lambda t: pd.get_dummies(t["rating"].round(1)),
    "the number of rows": lambda t: t["rating"] * 0 + len(t),
}
LEAKS_OF_RESULTS = {
    "the result itself": lambda t: t["place"],
    "the race's mean": lambda t: t.groupby("race")["place"].transform("mean"),
    "results with this one": lambda t: t.groupby("racer")["place"].transform(lambda x: x.expanding().mean()),
}


@pytest.mark.parametrize("name", CAUSAL)
def test_what_looks_back_passes(name):
    assert_causal(Made(CAUSAL[name]), races(), on="race", after=["place"])


@pytest.mark.parametrize("name", LEAKS)
def test_what_looks_ahead_is_caught(name):
    with pytest.raises(MismatchError, match="not known yet|not causal"):
        assert_causal(Made(LEAKS[name]), races(), on="race")
    with pytest.raises(MismatchError):
        assert_causal(Made(LEAKS[name]), races())


@pytest.mark.parametrize("name", LEAKS_OF_RESULTS)
def test_a_result_of_the_same_race_is_caught_where_it_is_declared(name):
    assert_causal(Made(LEAKS_OF_RESULTS[name]), races(), on="race")
    with pytest.raises(MismatchError, match="in place from race"):
        assert_causal(Made(LEAKS_OF_RESULTS[name]), races(), on="race", after=["place"])


def test_without_times_each_row_is_later_than_the_one_before():
    with pytest.raises(MismatchError):
        assert_causal(Made(CAUSAL["rank within the race"]), races())


def test_rows_need_not_be_in_order_of_time():
    shuffled = races().sample(frac=1, random_state=0).reset_index(drop=True)
    assert_causal(Made(CAUSAL["rank within the race"]), shuffled, on="race")
    with pytest.raises(MismatchError):
        assert_causal(Made(CAUSAL["rolling"]), shuffled, on="race")


def test_the_error_names_column_and_row():
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(MismatchError, match=r"column 'made', row 0: .*2\.0.* with the whole table") as caught:
        assert_causal(Made(lambda t: t["x"].shift(-1)), table)
    error = caught.value
    assert (error.column, error.row, error.source) == ("made", 0, 2.0) and np.isnan(error.answer)
    assert isinstance(error, AssertionError)


class Standardized:
    """What it learns of all rows, it uses for each."""

    def fit(self, table):
        self.mean_ = float(np.mean(np.asarray(table[:, 0])))
        return self

    def transform(self, table):
        return table - self.mean_


def test_what_fit_learns_is_tested_unless_it_was_fitted_on_rows_of_before():
    x = np.random.default_rng(0).normal(size=(50, 1))
    with pytest.raises(MismatchError):
        assert_causal(Standardized(), x)
    assert_causal(Standardized().fit(x), x, refit=False)


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_tables_of_other_libraries(make):
    class Lagged:
        def __init__(self, by):
            self.by_rows = by

        def transform(self, table):
            x = table["rating"].to_numpy()
            made = np.roll(x, self.by_rows)
            made[: max(self.by_rows, 0)] = np.nan
            return make({"made": made, "name": table["name"]})

    table = make({name: list(column) for name, column in races().items()})
    assert_causal(Lagged(1), table)
    assert_causal(Lagged(1), table, on="race")
    with pytest.raises(MismatchError):
        assert_causal(Lagged(-1), table, on="race")


def test_arithmetic_whose_bits_depend_on_the_number_of_rows_is_given_room():
    x = np.random.default_rng(0).normal(size=(50, 3))

    class Noisy:
        def transform(self, table):
            return table * (1 + len(table) * 1e-15)

    with pytest.raises(MismatchError):
        assert_causal(Noisy(), x)
    assert_causal(Noisy(), x, rtol=1e-12)


def test_scikit_learns_transformers():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = np.random.default_rng(0).normal(size=(30, 2))
    assert_causal(preprocessing.FunctionTransformer(np.square), x)
    assert_causal(preprocessing.StandardScaler().fit(x), x, refit=False)
    with pytest.raises(MismatchError):
        assert_causal(preprocessing.StandardScaler(), x)
    with pytest.raises(MismatchError):
        assert_causal(preprocessing.OneHotEncoder(handle_unknown="ignore"), (x * 2).round())


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(InputError, match="no column 'day'"):
        assert_causal(Made(CAUSAL["of the row"]), races(), on="day")
    with pytest.raises(InputError, match="no column 'result'"):
        assert_causal(Made(CAUSAL["of the row"]), races(), after=["result"])
    with pytest.raises(InputError, match="expected a pandas, polars or Arrow table or a 2-D array, got a list"):
        assert_causal(Made(CAUSAL["of the row"]), [[1.0]])
    with pytest.raises(InputError, match="makes 239 rows of 240"):
        assert_causal(Made(lambda t: t[1:]), races())
    with pytest.raises(ConfigurationError, match="n_cuts=0"):
        assert_causal(Made(CAUSAL["of the row"]), races(), n_cuts=0)


def test_one_column_may_stand_alone():
    made = f.RollingFeatures({"place": [f.mean(3)]}, by="racer", after="place")
    assert_causal(made, races(), on="race", after="place", keep="name")
    with pytest.raises(MismatchError):
        assert_causal(f.RollingFeatures({"place": [f.mean(3)]}, by="racer"), races(), on="race", after="place")
    with pytest.raises(InputError, match="no column 'result'"):
        assert_causal(made, races(), after="result")


def test_what_is_no_transformer_is_refused():
    for wrong in (lambda table: table, f.RollingFeatures, f.mean(3), None):
        with pytest.raises(ConfigurationError, match=r"expected an object with transform\(table\), got"):
            assert_causal(wrong, races())


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_nulls_before_the_cut_stay_nulls(library):
    library = pytest.importorskip(library)
    x = [1.0, None, 3.0, None, 5.0, 6.0, None, 8.0]
    table = library.table({"x": x}) if library.__name__ == "pyarrow" else library.DataFrame({"x": x})
    assert_causal(f.RollingFeatures({"x": [f.mean(3, min_periods=1)]}), table)


def test_the_keys_of_stages_are_not_tampered_with():
    races = pd.DataFrame(
        {"race": np.arange(40).repeat(3), "day": np.arange(40).repeat(3) // 4, "x": np.arange(120.0) % 7}
    )
    stages = [f.RollingFeatures({"x": [f.mean(2)]}, by="race"), f.GroupFeatures({"x": [f.rank()]}, by="race")]
    assert_causal(f.FeaturePipeline(stages), races, on="day")
