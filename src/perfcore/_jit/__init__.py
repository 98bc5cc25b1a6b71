"""Users' functions as C functions, by Numba, which is imported when the first is compiled."""

from .functions import RAISED, CFunction, rows_function, windows_function

__all__ = ["RAISED", "CFunction", "rows_function", "windows_function"]
