"""Transformer: scikit-learn's protocol without scikit-learn: parameters, clones, output containers, tags."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigurationError, InputError
from .table import Table

_OUTPUTS = ("default", "pandas", "polars")


class Transformer:
    """What a transformer of tables shares: its arguments are attributes of the same names, untouched until `fit`.

    A subclass has `fit`, `transform` and `get_feature_names_out`; `fit` calls ``_read`` and ``_seen``, `transform`
    ``_like_seen`` and ``_made``.
    """

    # ---- parameters

    @classmethod
    def _parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Its arguments by name."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Any:
        """Change arguments; `ConfigurationError` for one that there is not. It must be fitted again."""
        unknown = sorted(set(params) - set(self._parameters()))
        if unknown:
            raise ConfigurationError(f"Invalid parameter {unknown[0]!r}: allowed are {self._parameters()}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = {name: each.default for name, each in inspect.signature(type(self).__init__).parameters.items()}
        told = {name: value for name, value in self.get_params().items() if value is not defaults[name]}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    # ---- fitting

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """`fit`, then `transform`, of one table."""
        return self.fit(X, y).transform(X)  # type: ignore[attr-defined]

    @staticmethod
    def _read(X: Any) -> Table:
        """A table to fit to."""
        table = Table.of(X)
        if not table.names:
            raise InputError(
                f"0 feature(s) (shape=({table.n_rows}, 0)) while a minimum of 1 is required: the table has no columns"
            )
        return table

    def _seen(self, table: Table) -> None:
        """What later tables must be like is remembered."""
        self.n_features_in_ = len(table.names)
        self.__dict__.pop("feature_names_in_", None)
        if table.is_named:
            self.feature_names_in_ = np.array(table.names, dtype=object)

    def _like_seen(self, X: Any) -> Table:
        """A table like the one it was fitted to: see `Table.under`."""
        self._require_fitted()
        names = getattr(self, "feature_names_in_", None)
        told = tuple(f"x{j}" for j in range(self.n_features_in_)) if names is None else tuple(names)
        return Table.of(X).under(told, names is not None, type(self).__name__)

    def _made(self, table: Table, columns: Sequence[np.ndarray] | np.ndarray) -> Any:
        """The answer: a table of the kind that came, or as `set_output` says."""
        kind = self._output()
        return table.made(columns, list(self.get_feature_names_out()), None if kind == "default" else kind)  # type: ignore[attr-defined]

    def _is_plain(self, table: Table) -> bool:
        """Whether the answer has NaN where cells are missing, and no nulls."""
        return table.nan_is_missing and self._output() != "polars"

    def _renamed(self, input_features: Any) -> dict[str, str]:
        """Its columns' names, and those that `get_feature_names_out` is told instead."""
        seen = getattr(self, "feature_names_in_", None)
        names = [f"x{j}" for j in range(self.n_features_in_)] if seen is None else list(seen)
        told = names if input_features is None else list(map(str, input_features))
        if len(told) != len(names):
            raise InputError(
                f"input_features should have length equal to number of features ({len(names)}), got {len(told)}"
            )
        if seen is not None and told != names:
            raise InputError(f"input_features is not equal to feature_names_in_: expected {names}")
        return dict(zip(names, told, strict=True))

    def _is_fitted(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_is_fitted__(self) -> bool:
        return self._is_fitted()

    def _require_fitted(self) -> None:
        if not self._is_fitted():
            raise _not_fitted(f"this {type(self).__name__} is not fitted yet: call fit(table) first")

    # ---- output containers

    def set_output(self, *, transform: str | None = None) -> Any:
        """What tables `transform` makes: "default" (of the kind that came), "pandas" or "polars"; None: as it was."""
        if transform is not None:
            if transform not in _OUTPUTS:
                raise ConfigurationError(f"transform={transform!r}: allowed are {', '.join(map(repr, _OUTPUTS))}")
            self._sklearn_output_config = {"transform": transform}
        return self

    def _output(self) -> str:
        told = getattr(self, "_sklearn_output_config", {}).get("transform")
        if told is None and "sklearn" in sys.modules:
            told = sys.modules["sklearn"].get_config()["transform_output"]
        return told or "default"

    # ---- what scikit-learn asks

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            classifier_tags=None,
            regressor_tags=None,
            input_tags=InputTags(allow_nan=True),
        )


def _not_fitted(message: str) -> Exception:
    """Also scikit-learn's own error, where it is loaded."""
    if "sklearn" not in sys.modules:
        return ConfigurationError(message)
    from sklearn.exceptions import NotFittedError

    return type("NotFitted", (ConfigurationError, NotFittedError), {})(message)
