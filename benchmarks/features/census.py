"""A table of the shape of the census of 1994, made up, and what scikit-learn's users make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FILE = "adult_census_income.csv.gz"
WORDS = {  # how many, and how often none
    "workclass": (8, 0.056), "education": (16, 0.0), "marital_status": (7, 0.0), "occupation": (14, 0.057),
    "relationship": (6, 0.0), "race": (5, 0.0), "sex": (2, 0.0), "native_country": (41, 0.018),
}  # fmt: skip
NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week")
ORDER = (
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship", "race",
    "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country",
)  # fmt: skip


def make(n_rows: int, seed: int = 0) -> tuple[Any, np.ndarray]:
    """The table, a pandas DataFrame, and who earns more."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    codes = {name: np.minimum(rng.zipf(1.6, n_rows) - 1, n - 1) for name, (n, _) in WORDS.items()}
    columns: dict[str, Any] = {}
    for name, (n, share) in WORDS.items():
        words = np.array([f"{name.replace('_', ' ').title()} {i}" for i in range(n)], dtype=object)[codes[name]]
        words[rng.random(n_rows) < share] = np.nan
        columns[name] = words
    columns["age"] = np.clip(rng.gamma(8, 4.8, n_rows), 17, 90).astype(int)
    columns["fnlwgt"] = (1.8e5 * rng.gamma(3.2, 0.32, n_rows)).astype(int)
    columns["education_num"] = 16 - codes["education"]
    columns["capital_gain"] = np.where(rng.random(n_rows) < 0.083, rng.integers(100, 20_000, n_rows), 0)
    columns["capital_loss"] = np.where(rng.random(n_rows) < 0.047, rng.integers(100, 4_000, n_rows), 0)
    columns["hours_per_week"] = np.clip(rng.normal(40, 12, n_rows), 1, 99).astype(int)
    odds = 0.04 * (columns["age"] - 38) + 0.3 * (columns["education_num"] - 13) + columns["capital_gain"] / 4_000 - 1
    rich = odds + rng.logistic(size=n_rows) > 0
    return pd.DataFrame({name: columns[name] for name in ORDER}), rich.astype(int)


def read(folder: str, n_rows: int) -> tuple[Any, np.ndarray]:
    import pandas as pd

    table = pd.read_csv(Path(folder) / FILE, skipinitialspace=True, na_values="?").head(n_rows)
    return table[list(ORDER)], (table["income"] == ">50K").to_numpy().astype(int)


def fitted(table: Any, target: np.ndarray) -> Any:
    """Impute and scale numbers, impute and one-hot words, logistic regression."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = ColumnTransformer([("numbers", numbers, list(NUMBERS)), ("words", words, list(WORDS))])
    return make_pipeline(columns, LogisticRegression(max_iter=1_000)).fit(table, target)
