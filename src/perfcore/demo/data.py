"""What the demo learns from: scikit-learn's bundled sets, or a user's own file."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import ConfigurationError

LEAST_ROWS = 50
MOST_ROWS = 60_000  # so that training stays within seconds; more are left out, and the demo says so
MOST_CLASSES = 50
MOST_CATEGORIES = 255  # scikit-learn's histogram boosting takes no more
SEPARATORS = ",;\t|"
# LightGBM (utils/common.h CheckAllowedJSON) refuses " , : [ ] { } in names, XGBoost [ ] <; a line break or tab in a
# name would break LightGBM's text model.
FORBIDDEN_IN_NAMES = re.compile(r'[",:\[\]{}<\x00-\x1f\x7f]')


@dataclass(frozen=True, eq=False)
class Task:
    """A table and what to predict from it, divided into rows to train on and rows to test."""

    name: str
    table: Any  # float64 array, or a pandas table with category columns
    target: np.ndarray
    is_classification: bool
    bundled: bool = True
    notes: tuple[str, ...] = ()

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers for training and for testing, 4 to 1, every class in both."""
        from sklearn.model_selection import train_test_split

        numbers = np.arange(len(self.target))
        classes = self.target if self.is_classification else None
        n_test = max(len(numbers) // 5, 1 if classes is None else len(np.unique(classes)))
        train, test = train_test_split(numbers, test_size=n_test, random_state=0, stratify=classes)
        return train, test

    @cached_property
    def codes(self) -> np.ndarray:
        """The target as XGBoost takes it: classes from 0."""
        return np.unique(self.target, return_inverse=True)[1] if self.is_classification else self.target

    @cached_property
    def numbers(self) -> np.ndarray:
        """The table as numbers: categories by their code, missing values NaN."""
        if not hasattr(self.table, "columns"):
            return self.table
        coded = self.table.copy()
        for name, column in coded.items():
            if column.dtype == "category":
                coded[name] = column.cat.codes.astype("float64").mask(column.isna())
        return coded.to_numpy("float64")

    @cached_property
    def has_missing(self) -> bool:
        return bool(np.isnan(self.numbers).any())

    @property
    def n_margins(self) -> int:
        n_classes = len(np.unique(self.target)) if self.is_classification else 1
        return n_classes if n_classes > 2 else 1


def bundled_tasks() -> list[Task]:
    """Sets that come with scikit-learn, so that nothing is downloaded."""
    from sklearn import datasets

    loaders: dict[str, Callable] = {
        "breast cancer": datasets.load_breast_cancer,
        "digits": datasets.load_digits,
        "diabetes": datasets.load_diabetes,
        "wine": datasets.load_wine,
    }
    tasks = []
    for name, load in loaders.items():
        X, y = load(return_X_y=True)
        tasks.append(Task(name, np.ascontiguousarray(X, dtype=np.float64), y, name != "diabetes"))
    return tasks


# -- a user's file -----------------------------------------------------------------------------------------


def file_task(path: str, target: str) -> Task:
    """The task that a file and the name of a column make; raises `ConfigurationError` where there is none."""
    frame, notes = _read(path), []
    if target not in frame.columns:
        raise ConfigurationError(f"{path}: no column {target!r}; its columns are {_listed(frame.columns)}")
    wanted = frame.pop(target)
    known = wanted.notna().to_numpy()
    if not known.all():
        notes.append(f"{int((~known).sum()):,} rows without {target} left out")
        frame, wanted = frame[known], wanted[known]
    values, is_classification = _target(wanted, target)
    keep = _rows_to_keep(values, is_classification, notes)
    frame, values = frame.iloc[keep].reset_index(drop=True), values[keep]
    if len(values) < LEAST_ROWS:
        raise ConfigurationError(f"{path}: at least {LEAST_ROWS} rows with a {target} are needed, got {len(values)}")
    if len(np.unique(values)) < 2:
        raise ConfigurationError(f"{path}: {target} is {values[0].item()!r} in every row; there is nothing to learn")
    table = _table(frame, notes)
    if table.shape[1] == 0:
        raise ConfigurationError(f"{path}: no column beside {target} can be learned from: {'; '.join(notes)}")
    kind = f"{len(np.unique(values))} classes" if is_classification else "regression"
    notes.insert(0, f"{target}: {kind}, from {table.shape[1]} columns, {len(values):,} rows")
    return Task(os.path.basename(path), table, values, is_classification, bundled=False, notes=tuple(notes))


def _read(path: str) -> Any:
    import pandas as pd

    if not os.path.isfile(path):
        raise ConfigurationError(f"no file {path}")
    parts = os.path.basename(path).lower().split(".")[1:]
    try:
        if parts[-1:] in (["parquet"], ["pq"]):
            frame = pd.read_parquet(path)
        elif {"csv", "tsv", "txt"} & set(parts):
            frame = pd.read_csv(path, sep=_separator(path), skipinitialspace=True, low_memory=False)
        else:
            raise ConfigurationError(f"{path}: allowed are .csv, .tsv, .txt (also .gz) and .parquet")
    except (ValueError, OSError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    frame.columns = [str(name) for name in frame.columns]
    if not frame.columns.is_unique:
        raise ConfigurationError(
            f"{path}: column names come twice: {_listed(frame.columns[frame.columns.duplicated()])}"
        )
    return frame


def _separator(path: str) -> str:
    opened: Any = gzip.open(path, "rb") if path.lower().endswith(".gz") else open(path, "rb")
    with opened as file:
        header = file.readline(1 << 20).decode("utf-8", "replace")
    return max(SEPARATORS, key=header.count)


def _target(column: Any, name: str) -> tuple[np.ndarray, bool]:
    """The values to predict and whether they are classes: text, booleans, or a few whole numbers."""
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column.astype(str).to_numpy(object).astype(str)
        n_classes = len(np.unique(values))
        if n_classes > MOST_CLASSES:
            raise ConfigurationError(f"{name}: {n_classes:,} different texts; at most {MOST_CLASSES} classes are shown")
        return values, True
    numbers = column.to_numpy("float64")
    if not np.isfinite(numbers).all():
        raise ConfigurationError(f"{name}: {int((~np.isfinite(numbers)).sum()):,} infinite values")
    n_values = len(np.unique(numbers))
    if n_values <= 20 and n_values * 10 <= len(numbers) and (numbers == np.round(numbers)).all():
        return numbers.astype(np.int64), True
    return numbers, False


def _rows_to_keep(values: np.ndarray, is_classification: bool, notes: list[str]) -> np.ndarray:
    keep = np.arange(len(values))
    if len(keep) > MOST_ROWS:
        keep = np.sort(np.random.default_rng(0).choice(keep, MOST_ROWS, replace=False))
        notes.append(f"{MOST_ROWS:,} of {len(values):,} rows taken")
    if is_classification and len(keep):
        classes, counts = np.unique(values[keep], return_counts=True)
        rare = classes[counts < 5]
        if len(rare):
            notes.append(f"classes of fewer than 5 rows left out: {_listed(rare)}")
            keep = keep[~np.isin(values[keep], rare)]
    return keep


def _table(frame: Any, notes: list[str]) -> Any:
    """Columns as the frameworks take them: numbers as float64, text as categories, times as days."""
    import pandas as pd

    columns: dict[str, Any] = {}
    left_out, empty = [], []
    for name, column in frame.items():
        column = _column(column)
        if column.isna().all():  # scikit-learn's histogram boosting finds no bins for it
            empty.append(name)
        elif column.dtype == "category" and len(column.cat.categories) > MOST_CATEGORIES:
            left_out.append(f"{name} ({len(column.cat.categories):,} different texts)")
        else:
            columns[name] = column
    if left_out:
        notes.append(f"columns left out, for at most {MOST_CATEGORIES} texts make a category: {_listed(left_out)}")
    if empty:
        notes.append(f"columns left out, for they are empty: {_listed(empty)}")
    names = _allowed_names(list(columns))
    renamed = [f"{old!r} is {new!r}" for old, new in zip(columns, names, strict=True) if old != new]
    if renamed:
        notes.append(f"columns renamed, for LightGBM or XGBoost refuses their names: {_listed(renamed)}")
    return pd.DataFrame(dict(zip(names, columns.values(), strict=True)), index=frame.index)


def _allowed_names(names: list[str]) -> list[str]:
    """Names that every framework takes; they differ in LightGBM too, which reads a space as an underscore."""
    wanted = [FORBIDDEN_IN_NAMES.sub("_", name) or "_" for name in names]
    # Names that stay as they are come first, so that it is the others that make way.
    order = sorted(range(len(names)), key=lambda i: (names[i] != wanted[i], " " in names[i]))
    taken: set[str] = set()
    for i in order:
        name, number = wanted[i], 2
        while wanted[i].replace(" ", "_") in taken:
            wanted[i], number = f"{name}_{number}", number + 1
        taken.add(wanted[i].replace(" ", "_"))
    return wanted


def _column(column: Any) -> Any:
    import pandas as pd

    types = pd.api.types
    if types.is_datetime64_any_dtype(column.dtype):
        column = (column - pd.Timestamp(0, tz=column.dt.tz)) / pd.Timedelta(days=1)
    elif types.is_timedelta64_dtype(column.dtype):
        column = column / pd.Timedelta(days=1)
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        numbers = column.to_numpy("float64", na_value=np.nan, copy=True)
        numbers[np.isinf(numbers)] = np.nan  # XGBoost and scikit-learn refuse infinities
        return pd.Series(numbers, index=column.index)
    return column.astype(object).map(str, na_action="ignore").astype("category")


def _listed(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
