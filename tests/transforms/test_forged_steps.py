"""Files whose steps hold what no fitted step does: refused on loading, with the place, and at once."""

import numpy as np
import pytest

import perfcore
from perfcore.model import Model
from perfcore.model.file import from_bytes, to_bytes

pytest.importorskip("sklearn")
pd = pytest.importorskip("pandas")
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.linear_model import LinearRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import (  # noqa: E402
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

TABLE = pd.DataFrame({"a": np.arange(30.0), "b": np.arange(30.0) % 7, "k": [*"xyz"] * 10})
NUMBERS, TEXTS = TABLE[["a", "b"]], TABLE[["k"]]


def changed(source, **fields):
    """The same object with other fields, which nobody has checked."""
    made = object.__new__(type(source))
    for name, value in vars(source).items():
        object.__setattr__(made, name, fields.get(name, value))
    return made


def forged(step, X, **fields):
    model = perfcore.compile(make_pipeline(step, LinearRegression()).fit(X, np.arange(30.0)))._model
    inputs, chain = model.inputs, model.inputs.chain
    inputs = changed(inputs, chain=changed(chain, steps=(changed(chain.steps[0], **fields),)))
    made = object.__new__(Model)
    for name, value in (vars(model) | {"inputs": inputs}).items():
        object.__setattr__(made, name, value)
    return to_bytes(made)


NUMBERED = OrdinalEncoder(), TEXTS
HOT = OneHotEncoder(), TEXTS
FORGED = {
    "mean": (StandardScaler(), NUMBERS, {"mean": np.zeros((2, 2))}),
    "scale": (MinMaxScaler(), NUMBERS, {"scale": np.array(["a", "b"], object)}),
    "center": (RobustScaler(), NUMBERS, {"center": np.zeros(1)}),
    "norm": (Normalizer(), NUMBERS, {"norm": "bogus"}),
    "kept": (SimpleImputer(), NUMBERS, {"kept": (0, 7)}),
    "indicated": (SimpleImputer(), NUMBERS, {"indicated": (-1, 9)}),
    "fills": (SimpleImputer(), NUMBERS, {"fills": np.zeros((2, 2))}),
    "values, 2-D": (*NUMBERED, {"values": (np.zeros((4, 2)),)}),
    "values of text": (*NUMBERED, {"values": (np.array(["a"] * 4, object),)}),
    "dtype unknown": (*NUMBERED, {"dtype": "zzz"}),
    "dtype of objects": (*NUMBERED, {"dtype": "O"}),
    "categories nested": (*NUMBERED, {"categories": (np.array([[1], [2], [3]], object),)}),
    "places, 2-D": (*HOT, {"places": (np.array([[0], [1], [2], [-1]]),)}),
    "places of floats": (*HOT, {"places": (np.array([0.5, 1, 2, -1]),)}),
    "widths": (*HOT, {"widths": (10**9,)}),
    "degrees": (PolynomialFeatures(), NUMBERS, {"most": 10**9}),
    "columns": (PolynomialFeatures(), NUMBERS, {"width_of_all": 10**9}),
    "lambdas": (PowerTransformer(), NUMBERS, {"lambdas": np.array(["x", "y"], object)}),
    "references": (QuantileTransformer(n_quantiles=5), NUMBERS, {"references": np.array([*"abcde"], object)}),
}


@pytest.mark.parametrize("name", FORGED)
def test_steps_that_were_never_fitted_so_are_refused(name):
    step, X, fields = FORGED[name]
    with pytest.raises(perfcore.ModelFormatError, match=r"steps\[0\]"):
        from_bytes(forged(step, X, **fields))


@pytest.mark.parametrize("places", [(-1,), (70,)])
def test_columns_beyond_the_table_are_refused(places):
    step = ColumnTransformer([("k", OneHotEncoder(), ["k"])])
    model = perfcore.compile(make_pipeline(step, LinearRegression()).fit(TABLE, np.arange(30.0)))._model
    member = changed(model.inputs.chain.steps[0].members[0], columns=places)
    with pytest.raises(perfcore.ModelFormatError, match="column transformer"):
        from_bytes(forged(step, TABLE, members=(member,)))
