"""Models with a column of categories, of texts or of codes, and the kinds of column that it may come as."""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimators import CELLS, N_ROWS, RNG, TARGETS, Kind
from .inputs import Form

WORDS = ["red", "green", "blue", "violet", "ochre"]
CODES = RNG.integers(0, len(WORDS), N_ROWS)
TEXTS = np.array(WORDS, object)[CODES]
GAPS = RNG.random(N_ROWS) < 0.2
NUMBERS = {"width": CELLS[:, 0], "height": CELLS[:, 1]}
TARGET = TARGETS["number"] + np.array([0, 9, -9, 4, -4])[CODES]


def text_frame(colors: Any = TEXTS, categories: Any = WORDS) -> Any:
    """A pandas frame; categories None: the colors as they are."""
    import pandas

    column = colors if categories is None else pandas.Categorical(colors, categories)
    return pandas.DataFrame({**NUMBERS, "color": column})


def code_array(codes: Any = CODES, dtype: Any = np.float64) -> Any:
    return np.column_stack([*NUMBERS.values(), codes]).astype(dtype)


def objects(colors: Any) -> Any:
    table = np.empty((N_ROWS, 3), object)
    for j, column in enumerate([*NUMBERS.values(), colors]):
        table[:, j] = column
    return table


def code_frame(codes: Any = CODES) -> Any:
    import pandas

    return pandas.DataFrame({**NUMBERS, "color": codes})


def _pandas_text(dtype: Any) -> Any:
    import pandas

    return text_frame(pandas.Series(TEXTS, dtype=dtype), None)


def _polars(colors: list, dtype: str) -> Any:
    import polars

    kind = polars.Enum(WORDS) if dtype == "Enum" else getattr(polars, dtype)
    return polars.DataFrame({**NUMBERS, "color": polars.Series(colors, dtype=kind)})


def _arrow(colors: list, is_dictionary: bool = False) -> Any:
    import pyarrow

    column = pyarrow.array(colors)
    if is_dictionary:
        column = pyarrow.DictionaryArray.from_arrays(pyarrow.array(CODES.astype(np.int8)), WORDS)
    return pyarrow.table({**NUMBERS, "color": column})


def _sparse_codes(dtype: Any) -> Any:
    import scipy.sparse

    return scipy.sparse.csr_matrix(code_array(dtype=dtype))


TEXT_FORMS: dict[str, Form] = {
    "pandas category": Form(text_frame, "pandas"),
    "in another order": Form(lambda: text_frame(categories=WORDS[::-1]), "pandas"),
    "with missing": Form(lambda: text_frame(np.where(GAPS, None, TEXTS)), "pandas"),
    "with unseen": Form(lambda: text_frame(np.where(GAPS, "grey", TEXTS), [*WORDS, "grey"]), "pandas"),
    "pandas text": Form(lambda: _pandas_text("str"), "pandas"),
    "pandas objects": Form(lambda: _pandas_text(object), "pandas"),
    "polars Categorical": Form(lambda: _polars(TEXTS.tolist(), "Categorical"), "polars", ends="catboost"),
    "polars Enum": Form(lambda: _polars(TEXTS.tolist(), "Enum"), "polars"),
    "polars text": Form(lambda: _polars(TEXTS.tolist(), "String"), "polars"),
    "Arrow dictionary": Form(lambda: _arrow(TEXTS.tolist(), True), "pyarrow"),
    "Arrow text": Form(lambda: _arrow(TEXTS.tolist()), "pyarrow"),
    "numpy objects": Form(lambda: objects(TEXTS)),
    "lists": Form(lambda: objects(TEXTS).tolist()),
    "numpy codes": Form(code_array),
}
CODE_FORMS: dict[str, Form] = {
    "numpy float64": Form(code_array),
    "numpy float32": Form(lambda: code_array(dtype=np.float32)),
    "numpy int64": Form(lambda: code_array(dtype=np.int64)),
    "numpy, with missing": Form(lambda: code_array(np.where(GAPS, np.nan, CODES))),
    "numpy objects": Form(lambda: objects(CODES)),
    "lists": Form(lambda: objects(CODES).tolist()),
    "scipy CSR": Form(lambda: _sparse_codes(np.float64), "scipy"),
    "scipy CSR, int64": Form(lambda: _sparse_codes(np.int64), "scipy"),
    "pandas": Form(code_frame, "pandas"),
    "pandas, with unseen": Form(lambda: code_frame(np.where(GAPS, 7, CODES)), "pandas"),
    "pandas category": Form(lambda: code_frame().astype({"color": "category"}), "pandas"),
    "polars": Form(lambda: _polars(CODES.tolist(), "Int64"), "polars"),
    "Arrow": Form(lambda: _arrow(CODES.tolist()), "pyarrow"),
}


def kinds() -> dict[str, Kind]:
    """Trees over categories, a model a framework's way of splitting and of handing them in."""
    fits = {
        "LightGBM Booster": ("lightgbm", _lightgbm_booster),
        "LightGBM LGBMRegressor": ("lightgbm", _lightgbm_estimator),
        "XGBoost Booster": ("xgboost", _xgboost_booster),
        "XGBoost XGBRegressor": ("xgboost", _xgboost_estimator),
        "CatBoostRegressor, one-hot": ("catboost", _catboost_one_hot),
        "CatBoostClassifier, counters": ("catboost", _catboost_counters),
        "HistGradientBoostingRegressor": ("sklearn", _hist_gradient_boosting),
    }
    return {name: Kind(lambda X, _, fit=fit: fit(X), framework=framework) for name, (framework, fit) in fits.items()}


LIGHT = {"num_leaves": 7, "min_data_in_leaf": 3, "min_data_per_group": 1, "cat_smooth": 1, "verbose": -1}
CAT = {"iterations": 6, "verbose": False, "allow_writing_files": False, "thread_count": 1, "cat_features": [2]}


def _lightgbm_booster(X: Any) -> Any:
    import lightgbm

    return lightgbm.train(LIGHT | {"num_threads": 1}, lightgbm.Dataset(X, TARGET, categorical_feature=[2]), 4)


def _lightgbm_estimator(X: Any) -> Any:
    import lightgbm

    return lightgbm.LGBMRegressor(n_estimators=4, n_jobs=1, **LIGHT).fit(X, TARGET, categorical_feature=[2])


def _xgboost_types(X: Any) -> list[str] | None:
    return ["q", "q", "c"] if isinstance(X, np.ndarray) else None


def _xgboost_booster(X: Any) -> Any:
    import xgboost

    table = xgboost.DMatrix(X, TARGET, enable_categorical=True, feature_types=_xgboost_types(X))
    return xgboost.train({"max_depth": 3, "nthread": 1, "max_cat_to_onehot": 2}, table, 4)


def _xgboost_estimator(X: Any) -> Any:
    import xgboost

    params = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1, "enable_categorical": True}
    return xgboost.XGBRegressor(feature_types=_xgboost_types(X), **params).fit(X, TARGET)


def _for_catboost(X: Any) -> Any:
    """CatBoost takes no floats for categories."""
    return objects(X[:, 2].astype(int)) if isinstance(X, np.ndarray) else X


def _catboost_one_hot(X: Any) -> Any:
    import catboost

    return catboost.CatBoostRegressor(one_hot_max_size=9, **CAT).fit(_for_catboost(X), TARGET)


def _catboost_counters(X: Any) -> Any:
    import catboost

    return catboost.CatBoostClassifier(one_hot_max_size=1, **CAT).fit(_for_catboost(X), TARGET > 0)


def _hist_gradient_boosting(X: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(categorical_features=[2], max_iter=4, min_samples_leaf=3).fit(X, TARGET)
