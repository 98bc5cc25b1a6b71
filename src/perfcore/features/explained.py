"""What functions of windows have in common, said once and shown by each one's help()."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

# As numpydoc has them, indented as they are shown.
_PARAMETERS = """
    x : series, (n_rows,)
        Numbers: of numpy, pandas, polars or Arrow, or a list. Missing cells (null; in numpy and pandas NaN, too) are
        left out.
    y : series, (n_rows,)
        As x; of another pandas index it is an error.
    q : float
        Which quantile, from 0 to 1.
    window : int, str, timedelta or None
        So many rows (20), so much time over ``on`` ("30D", "1D12h"), or None: all rows so far.
    interpolation : {"linear", "lower", "higher", "midpoint", "nearest"}
        What is said where the quantile lies between two cells.
    method : {"average", "min", "max"}
        Which of their ranks equal cells get.
    ascending : bool
        Whether the least cell is the first.
    pct : bool
        Ranks as parts of the number of cells.
    min_periods : int, optional
        So many cells must be there, else the answer is missing. By default all of a window of rows, otherwise 1.
    closed : {"right", "left", "both", "neither"}, optional
        Which ends are in the window. "right", the default: the present row is, the one a whole window ago is not;
        "left": that one is and the present one is not, so that only what was known before counts.
    ddof : int
        Sums of squares of n cells are divided by n - ddof.
    by : series or list of series, optional
        Keys, (n_rows,) each: rows of one key are a series of their own. A row without a key has no answer.
    on : series, (n_rows,), optional
        When rows are (dates, timestamps), for windows of time. Within a series it may not fall.
    n_threads : int, optional
        By default all that are available. The bits are the same for any number.
"""
_REST = """
    Returns
    -------
    series of float64, (n_rows,)
        Of the library of x, with its index and name.

    Raises
    ------
    ConfigurationError
        For options that are not allowed.
    InputError
        For what is no series of numbers, or of another length, and for times that fall.
"""

_BY_NAME = {each.split()[0]: each for each in re.split(r"^(?=    \w)", _PARAMETERS, flags=re.MULTILINE) if each.strip()}

Explained = TypeVar("Explained", bound=Callable[..., Any])


def explained(function: Explained) -> Explained:
    """Decorator: a docstring of one line gets the parameters, what comes back, and the errors."""
    if function.__doc__:  # none under python -OO
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        told = "".join(_BY_NAME[name] for name in names)
        function.__doc__ = f"{function.__doc__.rstrip()}\n\n    Parameters\n    ----------\n{told}{_REST}    "
    return function
