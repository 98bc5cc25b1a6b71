"""Caches: rows of features by key, predictions by row, models by name."""

from .feature_cache import FeatureCache

__all__ = ["FeatureCache"]
