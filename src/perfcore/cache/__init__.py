"""Caches: rows of features by key, predictions by row, models by name."""

from .feature_cache import FeatureCache
from .model_cache import ModelCache
from .prediction_cache import PredictionCache

__all__ = ["FeatureCache", "ModelCache", "PredictionCache"]
