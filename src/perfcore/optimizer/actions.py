"""What the optimizer can do: each action looks before and after, and tells what it saw."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..threads import available
from ..threads.limits import limit
from ..threads.pool import pools
from .entries import NamedCache
from .result import OptimizationResult

if TYPE_CHECKING:
    from .optimizer import IntegratedPerformanceOptimizer

LOOKUPS = 50  # of a cache before anything is made of its hit rate
LARGEST = {"models": 200, "features": 10_000}
GROWTH = 1.3
ROOM_MATTERS = 0.05  # of the look-ups missed for want of room
IDLE = 3600.0  # seconds
NOTICED = 0.5  # MB given back: less than that is no effect
OBJECTIVE = 0.010  # seconds of a batch

Action = Callable[["IntegratedPerformanceOptimizer"], OptimizationResult]


def memory_usage(optimizer: IntegratedPerformanceOptimizer) -> OptimizationResult:
    """Let idle entries go, collect garbage, have malloc give back what is free."""
    from ..runtime.memory import trim

    before = optimizer.capture_system_state()
    models = optimizer.model_cache.drop_idle(IDLE)
    features = optimizer.feature_cache.drop_idle(IDLE)
    generations = {f"generation_{i}": gc.collect(i) for i in range(3)}
    freed = trim().freed
    after = optimizer.capture_system_state()
    freed_mb = max(0.0, before.memory_usage_mb - after.memory_usage_mb)
    return OptimizationResult(
        strategy="memory_usage",
        outcome="improved" if freed_mb >= NOTICED else "no effect",
        improvement_percent=100 * freed_mb / before.memory_usage_mb,
        memory_freed_mb=freed_mb,
        trimmed_mb=freed / 2**20,
        gc_stats=generations,
        cache_cleanup={"models_removed": models, "features_removed": features},
        before_state=before.as_dict(),
        after_state=after.as_dict(),
    )


def model_cache(optimizer: IntegratedPerformanceOptimizer) -> OptimizationResult:
    """More room for models, where look-ups miss for want of it; the change of the hit rate shows at the next run."""
    return _room(optimizer, "model_cache", optimizer.model_cache, LARGEST["models"]) | {"ttl_adjustment": None}


def feature_processing(optimizer: IntegratedPerformanceOptimizer) -> OptimizationResult:
    """The same for features; and what is held as it came is compressed, where that is worth it."""
    cache = optimizer.feature_cache
    saved = cache.repack() if cache.compression else 0
    held = cache.nbytes + saved
    result = _room(optimizer, "feature_processing", cache, LARGEST["features"])
    result |= {"memory_reduction_mb": saved / 2**20, "compression_enabled": cache.compression}
    if saved:
        result |= {"outcome": "improved", "improvement_percent": 100 * saved / held}
    return result


def _room(optimizer: IntegratedPerformanceOptimizer, name: str, cache: NamedCache, largest: int) -> OptimizationResult:
    before, size = cache.get_stats(), cache.max_size
    lookups, missed = cache.hit_count + cache.miss_count, cache.missed_for_room
    since = optimizer._looked.get(name, (0, 0, 0))
    n, hits, for_room = lookups - since[0], cache.hit_count - since[1], missed - since[2]
    result = OptimizationResult(
        strategy=name,
        outcome="not needed",
        improvement_percent=0.0,
        hit_rate_improvement=None,
        cache_size_adjustment={"old_size": size, "new_size": size},
        before_stats=before,
        lookups_since_last_run=n,
        missed_for_room=for_room,
    )
    if n < LOOKUPS:
        return result | {"reason": f"{n} look-ups since the last run say nothing yet; {LOOKUPS} are needed"}
    rate = hits / n
    if (last := optimizer._rates.get(name)) is not None:  # what became of what was done then
        result |= {"hit_rate_improvement": rate - last, "improvement_percent": max(0.0, 100 * (rate - last))}
        result["outcome"] = "improved" if rate > last else "no effect"
    optimizer._looked[name] = lookups, since[1] + hits, missed
    optimizer._rates.pop(name, None)
    if for_room >= ROOM_MATTERS * n and size < largest:
        cache.max_size = new = min(largest, max(size + 1, int(size * GROWTH)))
        result["cache_size_adjustment"]["new_size"] = new
        optimizer._rates[name] = rate
        result["outcome"] = "adjusted"
    return result | {"after_stats": cache.get_stats()}


def prediction_speed(optimizer: IntegratedPerformanceOptimizer) -> OptimizationResult:
    """The largest batch for which the measured cost of batches leaves time; its throughput as that cost says."""
    processor = optimizer.batch_processor
    old, workers = processor.batch_size, processor.max_workers
    result = OptimizationResult(
        strategy="prediction_speed",
        outcome="not needed",
        improvement_percent=0.0,
        throughput_improvement=0.0,
        batch_size_adjustment={"old_size": old, "new_size": old},
        workers_adjustment={"old_workers": workers, "new_workers": workers},
    )
    costs = processor.costs
    if not costs.is_learned:
        return result | {"reason": f"{costs.n_calls} batches were processed; the cost of one is not known yet"}
    new = int(min(1000.0, costs.rows_within(OBJECTIVE)))
    gain = (new / costs.expected(new)) / (old / costs.expected(old)) - 1
    result |= {"seconds_per_batch": costs.a, "seconds_per_request": costs.b}
    if gain < 0.05:
        return result | {"outcome": "no effect", "reason": "another batch size is not expected to be any faster"}
    processor.batch_size = new
    result["batch_size_adjustment"]["new_size"] = new
    return result | {"outcome": "adjusted", "expected_throughput_improvement": 100 * gain}


def cpu_efficiency(optimizer: IntegratedPerformanceOptimizer) -> OptimizationResult:
    """No pool with more threads than there are CPUs to use: a container's quota is not what libraries count.

    OpenMP and Numba keep a number for each thread: theirs is seen and changed for the thread that asks.
    """
    before = _counts_of_threads()
    too_many = [name for name, count in before.items() if count > available()]
    if too_many:
        optimizer._hold_threads(limit(available()))
    after = _counts_of_threads()
    changed = [name for name in too_many if after.get(name, 0) < before[name]]
    return OptimizationResult(
        strategy="cpu_efficiency",
        outcome="adjusted" if changed else "no effect" if too_many else "not needed",
        improvement_percent=0.0,
        cpu_improvement=0.0,
        optimizations_applied=[f"{name}: {before[name]} threads, now {after[name]}" for name in changed],
        threads_before=before,
        threads_after=after,
    )


def _counts_of_threads() -> dict[str, int]:
    """By kind, library and file: numpy and scipy each bring a BLAS, perhaps of one version."""
    return {" ".join(filter(None, (pool.kind, pool.library, pool.path))): pool.n_threads for pool in pools()}
