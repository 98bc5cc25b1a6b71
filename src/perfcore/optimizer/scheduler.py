"""The guide's schedule: light work each hour, more every six, all each night, upkeep on Sundays."""

from __future__ import annotations

import contextlib
import logging.handlers
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..amounts import CENTURY, amount
from ..extras import require
from .cache_manager import AdvancedCacheManager
from .cpu import CPUOptimizer
from .history import History
from .memory_manager import AdvancedMemoryManager
from .monitor import HIT_RATE
from .optimizer import get_integrated_optimizer, optimize_system_performance
from .result import improvements

HOURLY_MEMORY_MB = 600
KEPT_DAYS = 30
LOG_FILES = 5
_THREADS = "perfcore-schedule"


class OptimizationScheduler:
    """Runs the optimizer's actions at the guide's times, by APScheduler.

    They run one after another in a thread of their own. A run that was missed, while the process was stopped or busy,
    is made up for once. A run that fails is noted, and changes nothing about the next ones. A process that forks begins
    with a stopped one.

    Parameters
    ----------
    folder : optional
        Where the history (``history.jsonl``) and a log (``optimizer.log``, rotated each week) are kept, of one process
        at a time; without it the history is in memory only.
    """

    def __init__(self, folder: str | os.PathLike | None = None):
        history: Path | None = None
        self._log: Path | None = None
        self._is_logging = True  # whether the last line was written
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            history, self._log = Path(folder, "history.jsonl"), Path(folder, "optimizer.log")
        self._history = History(history)
        self._scheduler: Any = None
        self._pid = os.getpid()
        self._stopped = threading.Event()

    @property
    def optimization_history(self) -> list[dict[str, Any]]:
        """What was done: ``timestamp``, ``type``, ``results``, ``total_improvements``: the largest percent of one."""
        return self._history.entries

    @property
    def active_schedules(self) -> list[dict[str, Any]]:
        """``type`` and ``next_run`` of each, once they are set up."""
        jobs = [] if self._scheduler is None or self._pid != os.getpid() else self._scheduler.get_jobs()
        return [{"type": job.id, "next_run": getattr(job, "next_run_time", None)} for job in jobs]

    # -- schedules --------------------------------------------------------------------------------

    def setup_optimization_schedule(self) -> None:
        """Hourly, every six hours, daily at 03:00, Sundays at 02:00; a second time changes nothing.

        Raises
        ------
        MissingExtraError
            Where APScheduler is not installed.
        """
        if self._scheduler is None or self._pid != os.getpid():
            self._scheduler, self._pid = self._new_scheduler(), os.getpid()
        self._history.begin(datetime.now())
        for kind, trigger in self._triggers().items():
            if self._scheduler.get_job(kind) is None:
                due = self._due(kind, trigger)
                self._scheduler.add_job(self._run, trigger, (kind,), id=kind, name=kind, next_run_time=due)

    @staticmethod
    def _new_scheduler() -> Any:
        module = require("apscheduler.schedulers.background", "a schedule")
        pool = require("apscheduler.executors.pool", "a schedule").ThreadPoolExecutor
        return module.BackgroundScheduler(
            executors={"default": pool(1, {"thread_name_prefix": _THREADS})},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            daemon=True,
        )

    def _triggers(self) -> dict[str, Any]:
        cron = require("apscheduler.triggers.cron", "a schedule").CronTrigger
        interval = require("apscheduler.triggers.interval", "a schedule").IntervalTrigger
        return {
            "hourly": interval(hours=1),
            "medium": interval(hours=6),
            "daily": cron(hour=3),
            "weekly": cron(day_of_week="sun", hour=2),
        }

    def _due(self, kind: str, trigger: Any) -> datetime:
        """When it is to run first: after the last time that the history knows of, and now, where that is over."""
        last = self._history.last(kind) or self._history.began
        assert last is not None  # `begin` was called
        now = datetime.now().astimezone()
        last = min(last.astimezone(), now)  # a clock that was ahead does not keep it from running
        due = last + trigger.interval if hasattr(trigger, "interval") else trigger.get_next_fire_time(last, last)
        return max(due, now)

    def _run(self, kind: str) -> None:
        job: Callable[[], None] = getattr(self, f"_{kind}_optimization")
        try:
            job()
        except Exception as error:
            failed = {"success": False, "error": f"{type(error).__name__}: {error}", "improvement_percent": 0.0}
            self._log_optimization(kind, [("failed", failed)])

    def start(self) -> None:
        """Run in the background from now on; nothing, where it does already."""
        self.setup_optimization_schedule()
        if not self._scheduler.running:
            self._scheduler.start()

    def stop(self) -> None:
        """End, once what runs is over, unless that is what stops it; it can be started again."""
        self._stopped.set()
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and scheduler.running and self._pid == os.getpid():
            scheduler.shutdown(wait=not threading.current_thread().name.startswith(_THREADS))

    def __enter__(self) -> OptimizationScheduler:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run_scheduler(self, duration_minutes: float | None = None) -> None:
        """Run here until Ctrl-C, SIGTERM, `stop`, or for so long; 0 is no time at all.

        SIGTERM is heeded where this is the main thread and nobody else handles it.

        Raises
        ------
        ConfigurationError
            For durations below 0, or longer than the system waits (centuries).
        """
        if duration_minutes is not None:
            most = threading.TIMEOUT_MAX / 60
            duration_minutes = amount("duration_minutes", duration_minutes, "minutes", most, or_zero=True)
        is_ours = threading.current_thread() is threading.main_thread()
        is_ours = is_ours and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        self._stopped.clear()
        try:
            if is_ours:
                signal.signal(signal.SIGTERM, signal.default_int_handler)
            self.start()
            self._stopped.wait(None if duration_minutes is None else 60 * duration_minutes)
        except KeyboardInterrupt:
            pass
        finally:
            try:
                self.stop()
            finally:  # also where one does not wait for what still runs
                if is_ours:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    # -- what is done -----------------------------------------------------------------------------

    def _hourly_optimization(self) -> None:
        optimizer, results = get_integrated_optimizer(), []
        report = optimizer.get_performance_report()
        if report["system_state"]["memory_usage_mb"] > HOURLY_MEMORY_MB:
            results.append(("memory", optimizer.optimize_memory_usage()))
        if report["cache_performance"]["model_cache"]["hit_rate"] < HIT_RATE:
            results.append(("cache", optimizer.optimize_model_cache()))
        self._log_optimization("hourly", results)

    def _medium_optimization(self) -> None:
        optimizer = get_integrated_optimizer()
        self._log_optimization(
            "medium",
            [
                ("memory", optimizer.optimize_memory_usage()),
                ("cache", optimizer.optimize_model_cache()),
                ("feature", optimizer.optimize_feature_processing()),
            ],
        )

    def _daily_optimization(self) -> None:
        results: list[Any] = [(result["strategy"], result) for result in optimize_system_performance()]
        results.append(("advanced_cache", AdvancedCacheManager().optimize_cache_sizes()))
        results.append(("numpy_threads", {"threads": CPUOptimizer().optimize_numpy_threads()}))
        self._log_optimization("daily", results)

    def _weekly_optimization(self) -> None:
        removed = self._cleanup_history()
        cleanup = AdvancedMemoryManager().aggressive_cleanup()
        rotated = self._rotate_logs()
        self._log_optimization(
            "weekly", [("deep_cleanup", cleanup), ("upkeep", {"entries_removed": removed, "logs_rotated": rotated})]
        )

    def _log_optimization(self, optimization_type: str, results: list[Any]) -> None:
        most = max(improvements(results).values(), default=0.0)
        entry = {
            "timestamp": datetime.now(),
            "type": optimization_type,
            "results": results,
            "total_improvements": most,
        }
        if self._history.add(entry):  # where not, that is warned of, and the log is on the same disk
            self._write_log(f"{optimization_type}: {len(results)} actions, {most:.1f} % at most")

    def _cleanup_history(self) -> int:
        """Let go of entries older than thirty days; how many."""
        return self._history.drop_before(datetime.now() - timedelta(days=KEPT_DAYS))

    def _rotate_logs(self) -> bool:
        """Begin a new log file, and keep the last five; whether it was done. If it cannot be, the old one goes on."""
        if self._log is None:
            return False
        try:
            rotating = logging.handlers.RotatingFileHandler(self._log, backupCount=LOG_FILES, delay=True)
            with contextlib.closing(rotating) as log:
                log.doRollover()
        except OSError as error:
            warnings.warn(f"{self._log}: the log cannot be rotated: {error}", RuntimeWarning, stacklevel=2)
            return False
        return True

    def _write_log(self, message: str) -> None:
        """A line more. A log that cannot be written is warned of once, until it can, and nothing else."""
        if self._log is None:
            return
        try:
            with open(self._log, "a", encoding="utf-8") as log:
                log.write(f"{datetime.now().isoformat(' ', 'milliseconds')} INFO {message}\n")
            self._is_logging = True
        except OSError as error:
            if self._is_logging:
                self._is_logging = False
                warnings.warn(f"{self._log}: the log cannot be written: {error}", RuntimeWarning, stacklevel=3)

    def get_optimization_summary(self, days: float = 7) -> dict[str, Any]:
        """Of the last so many days: how often what was done; ``{"message": ...}`` where nothing was.

        ``total_improvement`` is what the runs of the action that improved most add up to, in percent, for those of
        different actions do not; ``avg_improvement`` is that a run.

        Raises
        ------
        ConfigurationError
            For other than days above 0, up to a century.
        """
        recent = self._history.since(timedelta(days=amount("days", days, "days", CENTURY)), datetime.now())
        if not recent:
            return {"message": "最近の最適化履歴がありません"}
        by_action: Counter[str] = Counter()
        for each in recent:
            by_action.update(improvements(each.get("results")))
        total = max(by_action.values(), default=0.0)
        return {
            "total_optimizations": len(recent),
            "by_type": dict(Counter(each["type"] for each in recent)),
            "total_improvement": total,
            "avg_improvement": total / len(recent),
            "period_days": days,
        }
