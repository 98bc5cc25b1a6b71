"""Features of series and tables, in batches and row by row: ``from perfcore import features as f``."""

from .feature import Feature, Window

__all__ = ["Feature", "Window"]
