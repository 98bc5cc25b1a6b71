"""Columns without a type, of which every cell is missing, and Arrow's decimals: one row of polars or Arrow has such."""

from decimal import Decimal

import numpy as np
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import perfcore

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

TABLES = [pl.DataFrame]
if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7):  # takes columns of Arrow by name
    TABLES.append(pa.Table.from_pylist)

PEOPLE = pd.DataFrame(
    {
        "age": [1.0, 2.0, np.nan, 4.0] * 10,
        "hours": [3.0, 2.0, 7.5, np.nan] * 10,
        "job": ["x", "y", None, "x"] * 10,
        "town": ["x", "y", "x", "z"] * 10,
    }
)
RICH = [0, 1, 0, 1] * 10
NUMBERS = {
    "imputed": make_pipeline(SimpleImputer(), StandardScaler()),
    "scaled": StandardScaler(),
    "said to be missing": SimpleImputer(add_indicator=True),
}
TEXTS = {
    "hot": OneHotEncoder(handle_unknown="ignore"),
    "coded": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    "filled": make_pipeline(
        SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore")
    ),
}  # fmt: skip
ROWS = [
    {"age": None, "hours": 1.5, "job": "x", "town": "x"},
    {"age": 1.0, "hours": 2.0, "job": None, "town": "x"},
    {"age": None, "hours": None, "job": None, "town": "y"},
    {"age": Decimal("0.1"), "hours": Decimal("12345678901234567.8"), "job": "y", "town": "x"},
    {"age": Decimal("0.1"), "hours": None, "job": None, "town": "x"},
]


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("texts", TEXTS)
def test_a_column_without_a_type_is_missing_and_decimals_are_numbers(numbers, texts):
    columns = make_column_transformer((NUMBERS[numbers], ["age", "hours"]), (TEXTS[texts], ["job", "town"]))
    for frame in (PEOPLE, pl.from_pandas(PEOPLE)):
        takes_nan = numbers == "scaled" or texts == "coded"
        model = HistGradientBoostingClassifier(max_iter=3) if takes_nan else LogisticRegression()
        pipeline = make_pipeline(columns, model).fit(frame, RICH)
        fast = perfcore.compile(pipeline)
        for row in ROWS:
            for n in (1, 3):
                for make in TABLES:
                    table = make([row] * n)
                    assert fast.predict_proba(table).tobytes() == pipeline.predict_proba(table).tobytes()
