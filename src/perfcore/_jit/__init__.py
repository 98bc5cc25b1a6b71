"""Users' functions as C functions, by Numba, which is imported when the first is compiled."""

from .functions import CFunction, rows_function, windows_function

__all__ = ["CFunction", "rows_function", "windows_function"]
