"""Tables of Arrow columns as XGBoost reads a pyarrow Table: nulls are missing, dictionaries of text are categories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .columns import Cells, Columns
from .table import coded, column_blocks
from .xgboost_frame import absent, check_names, code_table, codes_of, quiet, recodes_categories, without

if TYPE_CHECKING:
    from .xgboost import XGBoostInputs

_KINDS = {"float32", "float64", "int", "bool", "category"}


def arrow_blocks(inputs: XGBoostInputs, table: Columns) -> Iterator[np.ndarray]:
    """Blocks of a table; inplace_predict, unlike DMatrix, does not look at the names of Arrow columns."""
    table.require(_KINDS)
    if inputs.through_dmatrix:
        check_names(inputs, table.names)
    recodes = recodes_categories(inputs, table.names, [kind == "category" for kind in table.kinds])
    if np.isnan(inputs.missing) and table.width == inputs.n_features:
        whole = table.one_array()
        if whole is not None:
            return iter([whole])
    columns = [_column(inputs, table, j, recodes) for j in range(table.width)]
    columns += [absent] * (inputs.n_features - table.width)
    return column_blocks(len(table), columns, np.float32)


def _column(inputs: XGBoostInputs, table: Columns, j: int, recodes: bool) -> Cells:
    if table.kinds[j] != "category":
        return without(inputs.missing, quiet(table.numbers(j, np.float32)))
    values, codes = table.category(j)
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"column {j} ({table.names[j]!r}): only dictionaries of text are categories to XGBoost")
    if recodes and inputs.counts_characters and not all(map(str.isascii, values)):
        # It cuts names in pandas frames, so in its models; what it then takes a whole name for is anyone's guess.
        raise InputError(
            f"column {j} ({table.names[j]!r}): the xgboost of this model cuts category names of more than ASCII; "
            "pass a pandas data frame"
        )
    return coded(codes, code_table(inputs, len(values), codes_of(inputs, j, values) if recodes else None))
