"""The guide's cache manager: how well caches do, their sizes and strategies, models that are loaded beforehand."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ..errors import ConfigurationError
from .entries import NamedCache
from .optimizer import get_integrated_optimizer
from .ranking import STRATEGIES

RECENT = 3600.0  # seconds
POOR, GOOD = 30.0, 80.0  # efficiency scores
DEFAULT_MODELS = ["linear", "tree"]
MOST_MODELS = 3


class AdvancedCacheManager:
    """Looks at the optimizer's caches and sets them up.

    Attributes
    ----------
    cache_strategies : "lru", "lfu" and "adaptive", each a function that sets both caches to it (or those given)
    """

    def __init__(self) -> None:
        self.cache_strategies: dict[str, Callable[..., None]] = {
            name: partial(self.use_strategy, name) for name in STRATEGIES
        }
        self._loaders: dict[str, Callable[[], Any]] = {}

    def use_strategy(self, name: str, *caches: Any) -> None:
        """Which entry makes room, in the caches given, or in the optimizer's.

        Raises
        ------
        ConfigurationError
            For a strategy that there is not, and what is no cache of these; then none is changed.
        """
        for each in caches:
            if not isinstance(each, NamedCache):
                raise ConfigurationError(f"caches: expected the optimizer's, got {type(each).__qualname__}")
        optimizer = get_integrated_optimizer()
        for cache in caches or (optimizer.model_cache, optimizer.feature_cache):
            cache.strategy = name

    def analyze_cache_performance(self) -> dict[str, dict[str, Any]]:
        """For ``model_cache`` and ``feature_cache``: ``stats``, ``access_patterns``, ``efficiency_score``."""
        optimizer = get_integrated_optimizer()
        found = {}
        for name, cache in (("model_cache", optimizer.model_cache), ("feature_cache", optimizer.feature_cache)):
            stats = cache.get_stats()
            found[name] = {
                "stats": stats,
                "access_patterns": self._analyze_access_patterns(cache.times),
                "efficiency_score": self._calculate_efficiency_score(stats),
            }
        return found

    def _analyze_access_patterns(self, access_times: Mapping[str, float]) -> dict[str, Any]:
        """How long ago entries were used: "frequent" where that is less than an hour on average, or "sparse"."""
        now = time.time()
        delays = [now - each for each in access_times.values()]
        if not delays:
            return {"pattern": "no_data"}
        mean = sum(delays) / len(delays)
        return {
            "total_items": len(delays),
            "avg_delay_hours": mean / 3600,
            "max_delay_hours": max(delays) / 3600,
            "recent_access_count": sum(each < RECENT for each in delays),
            "pattern": "frequent" if mean < RECENT else "sparse",
        }

    def _calculate_efficiency_score(self, stats: Mapping[str, Any]) -> float:
        """Hit rate times how full it is, in percent."""
        return stats.get("hit_rate", 0) * stats.get("size", 0) / max(stats.get("max_size", 1), 1) * 100

    def optimize_cache_sizes(self) -> dict[str, dict[str, Any]]:
        """The guide's rule: smaller by three tenths below a score of 30, larger by as many above one of 80 where used.

        No smaller than 20 models and 1,000 arrays, no larger than 200 and 10,000; a size beyond these stays.

        Returns
        -------
        dict
            For each cache ``old_size``, ``new_size``, ``efficiency_before``.
        """
        optimizer, analysis, found = get_integrated_optimizer(), self.analyze_cache_performance(), {}
        for name, cache, least, most in (
            ("model_cache", optimizer.model_cache, 20, 200),
            ("feature_cache", optimizer.feature_cache, 1000, 10000),
        ):
            old = cache.max_size
            cache.max_size = new = _new_size(old, analysis[name], least, most)
            found[name] = {"old_size": old, "new_size": new, "efficiency_before": analysis[name]["efficiency_score"]}
        return found

    def register_loader(self, model_type: str, loader: Callable[[], Any]) -> None:
        """How a model of that type is loaded, for `implement_smart_prefetching`."""
        if not callable(loader):
            raise ConfigurationError(f"loader of {model_type!r}: expected a function, got {type(loader).__qualname__}")
        self._loaders[model_type] = loader

    def implement_smart_prefetching(self, prediction_patterns: Iterable[Mapping[str, Any]] | None) -> int:
        """Load the models that are asked for most and are not there; how many were loaded.

        A model is kept as ``preload_TYPE``. Types without a loader are left out; where a loader raises, the error
        comes through, and what was loaded before stays.

        Raises
        ------
        ConfigurationError
            For patterns that are no dicts.
        """
        cache, n = get_integrated_optimizer().model_cache, 0
        for model_type in self._identify_frequent_patterns(prediction_patterns):
            name, loader = f"preload_{model_type}", self._loaders.get(model_type)
            if loader is not None and name not in cache.cache:
                cache.put(name, loader())
                n += 1
        return n

    def _identify_frequent_patterns(self, patterns: Iterable[Mapping[str, Any]] | None) -> list[str]:
        """The three types that occur most, of equals the first; the guide's two where there are none."""
        patterns = () if patterns is None else patterns
        patterns = list(patterns) if isinstance(patterns, Iterable) else [patterns]
        for each in patterns:
            if not isinstance(each, Mapping):
                raise ConfigurationError(
                    f"prediction_patterns: expected dicts, got {type(each).__qualname__}: {each!r}"
                )
        counts = Counter(str(each.get("model_type", "unknown")) for each in patterns)
        return [name for name, _ in counts.most_common(MOST_MODELS)] or list(DEFAULT_MODELS)


def _new_size(size: int, analysis: Mapping[str, Any], least: int, most: int) -> int:
    score, pattern = analysis["efficiency_score"], analysis["access_patterns"]["pattern"]
    if score < POOR:
        return min(size, int(max(least, size * 0.7)))
    if score > GOOD and pattern == "frequent":
        return max(size, int(min(most, size * 1.3)))
    return size
