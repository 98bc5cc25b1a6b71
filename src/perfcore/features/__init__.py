"""Features of series and tables, in batches and row by row: ``from perfcore import features as f``."""

from .feature import Feature, Window
from .shrink import ShrinkReport, shrink

__all__ = ["Feature", "ShrinkReport", "Window", "shrink"]
