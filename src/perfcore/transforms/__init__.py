"""Fitted scikit-learn transformers, read and fused: a pipeline's steps become the inputs of its model.

A transformer is a frozen dataclass of plain fields with

- ``of(source)``, a classmethod: the fields out of the fitted scikit-learn object; `Unread` where it cannot be read
  (then the pipeline runs it as it is, and says why);
- ``fuse(block) -> Block``: what it makes of a table, described and not computed. A `block.Block` has a description of
  each column, the dtype and the layout that scikit-learn's array has there.

To add one:

1. write its class into a file of this folder;
2. name it in `TRANSFORMERS` below, and in ``CLASSES`` of ``model/codec.py``.

What ``fuse`` says, it says with the block's methods:

- ``block.floats(allows, name)``, ``block.numbers(allows, name)``: what check_array(dtype=FLOAT_DTYPES) and
  check_array(dtype="numeric") make of the table; ``allows`` is "finite", "nan" or "anything".
- ``block.each(steps)``: element-wise arithmetic; ``steps[j]`` are (act, a, b) for column j, see ``Act`` in
  ``_ext/include/perfcore/transforms/pass.hpp``. Computed in one pass, in float64 or as float32 rounds.
- ``block.take(columns)``: as ``X[:, columns]``, a selection.
- ``block.made(function)``: for all that is not element-wise. ``function(array) -> array`` gets the array that
  scikit-learn's transform would compute with, in its dtype and layout, and makes the same numpy calls. For a row and
  for a table alike. It may write into the array. ``made(function, reads=True)`` is for one that never does, and whose
  bits depend on the strides: it may get the user's own array. Where it takes compressed rows as well (``rows.Rows``),
  ``takes_sparse=True``.

Sparse blocks (``block.is_sparse``) hold compressed rows whose entries are in the order of columns; ``each`` takes
their entries alone (for scalers). What a fused step does not take, and scikit-learn's does, is `block.Unfused`: then
the pipeline keeps the objects as well, and runs the step as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .block import Block

# class -> module and class of this package
TRANSFORMERS = {
    "sklearn.compose.ColumnTransformer": ("compose", "Columns"),
    "sklearn.pipeline.FeatureUnion": ("compose", "Union"),
    "sklearn.pipeline.Pipeline": ("compose", "Chain"),
    "sklearn.preprocessing.Binarizer": ("scalers", "Binarizer"),
    "sklearn.preprocessing.FunctionTransformer": ("functions", "Function"),
    "sklearn.preprocessing.MaxAbsScaler": ("scalers", "MaxAbsScaler"),
    "sklearn.preprocessing.MinMaxScaler": ("scalers", "MinMaxScaler"),
    "sklearn.preprocessing.OneHotEncoder": ("encoders", "OneHotEncoder"),
    "sklearn.preprocessing.OrdinalEncoder": ("encoders", "OrdinalEncoder"),
    "sklearn.preprocessing.RobustScaler": ("scalers", "RobustScaler"),
    "sklearn.decomposition.PCA": ("projection", "PCA"),
    "sklearn.decomposition.TruncatedSVD": ("projection", "TruncatedSVD"),
    "sklearn.feature_selection.GenericUnivariateSelect": ("selection", "Selection"),
    "sklearn.feature_selection.RFE": ("selection", "Selection"),
    "sklearn.feature_selection.RFECV": ("selection", "Selection"),
    "sklearn.feature_selection.SelectFdr": ("selection", "Selection"),
    "sklearn.feature_selection.SelectFpr": ("selection", "Selection"),
    "sklearn.feature_selection.SelectFromModel": ("selection", "Selection"),
    "sklearn.feature_selection.SelectFwe": ("selection", "Selection"),
    "sklearn.feature_selection.SelectKBest": ("selection", "Selection"),
    "sklearn.feature_selection.SelectPercentile": ("selection", "Selection"),
    "sklearn.feature_selection.SequentialFeatureSelector": ("selection", "Selection"),
    "sklearn.feature_selection.VarianceThreshold": ("selection", "Selection"),
    "sklearn.preprocessing.KBinsDiscretizer": ("bins", "KBinsDiscretizer"),
    "sklearn.preprocessing.Normalizer": ("normalizer", "Normalizer"),
    "sklearn.preprocessing.PolynomialFeatures": ("polynomial", "PolynomialFeatures"),
    "sklearn.preprocessing.PowerTransformer": ("power", "PowerTransformer"),
    "sklearn.preprocessing.QuantileTransformer": ("quantile", "QuantileTransformer"),
    "sklearn.preprocessing.TargetEncoder": ("target", "TargetEncoder"),
    "sklearn.impute.SimpleImputer": ("imputer", "SimpleImputer"),
    "sklearn.preprocessing.StandardScaler": ("scalers", "StandardScaler"),
}


class Unread(Exception):
    """Why a transformer is run as it is."""


class Transform(Protocol):
    """A transformer as it was fitted."""

    def fuse(self, block: Block) -> Block:
        """What it makes of a table."""
