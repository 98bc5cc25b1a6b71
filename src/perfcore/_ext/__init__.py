"""Compiled code: thin Cython over the C++ headers in ``include/perfcore``."""
