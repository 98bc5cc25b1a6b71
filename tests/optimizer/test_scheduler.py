"""The guide's schedule, by a clock of our own."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("apscheduler")
import apscheduler.schedulers.base as base  # noqa: E402
import apscheduler.triggers.interval as interval  # noqa: E402
from apscheduler.executors.debug import DebugExecutor  # noqa: E402

from perfcore import ConfigurationError, MissingExtraError  # noqa: E402
from perfcore.optimizer import CPUOptimizer, OptimizationScheduler, get_integrated_optimizer  # noqa: E402
from perfcore.optimizer import scheduler as schedules  # noqa: E402

KINDS = ("hourly", "medium", "daily", "weekly")
BEGAN = datetime(2026, 1, 7, 10, 30)  # a Wednesday


class Clock:
    def __init__(self):
        self.now = BEGAN.astimezone()


class Manual(base.BaseScheduler):
    """Does what is due when it is told to look, in the thread that tells it."""

    def wakeup(self):
        pass

    def shutdown(self, wait=True):
        super().shutdown(wait)


class Recorded(OptimizationScheduler):
    """Notes when each was run instead of doing it."""

    def __init__(self, clock, folder=None):
        super().__init__(folder)
        self.clock, self.fired = clock, []

    def _fire(self, kind):
        self.fired.append((kind, self.clock.now.replace(tzinfo=None)))
        self._log_optimization(kind, [])

    def _hourly_optimization(self):
        self._fire("hourly")

    def _medium_optimization(self):
        self._fire("medium")

    def _daily_optimization(self):
        self._fire("daily")

    def _weekly_optimization(self):
        self._fire("weekly")

    def run_until(self, when):
        """From one due time to the next; a second before nothing may be run."""
        when = when.astimezone()
        while (due := min(each["next_run"] for each in self.active_schedules)) <= when:
            n = len(self.optimization_history)
            if self.clock.now < due:
                self.clock.now = max(self.clock.now, due - timedelta(seconds=1))
                self._scheduler._process_jobs()
                assert len(self.optimization_history) == n
                self.clock.now = due
            self._scheduler._process_jobs()
            assert len(self.optimization_history) > n
        self.clock.now = when

    def times(self, kind):
        return [when for each, when in self.fired if each == kind]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()

    class At(datetime):
        @classmethod
        def now(cls, tz=None):
            return clock.now.astimezone(tz) if tz is not None else clock.now.replace(tzinfo=None)

    for module in (base, interval, schedules):
        monkeypatch.setattr(module, "datetime", At)
    defaults = OptimizationScheduler._new_scheduler()._job_defaults
    monkeypatch.setattr(
        OptimizationScheduler,
        "_new_scheduler",
        lambda self: Manual(executors={"default": DebugExecutor()}, job_defaults=defaults),
    )
    return clock


@pytest.fixture(autouse=True)
def threads_as_they_were():
    yield
    CPUOptimizer().restore_numpy_threads()


def test_s0_29_each_fires_exactly_when_it_is_due(clock):
    scheduler = Recorded(clock)
    assert scheduler.active_schedules == [] and scheduler.optimization_history == []
    scheduler.start()
    scheduler.run_until(BEGAN + timedelta(days=14))
    assert scheduler.times("hourly") == [BEGAN + timedelta(hours=i) for i in range(1, 14 * 24 + 1)]
    assert scheduler.times("medium") == [BEGAN + timedelta(hours=6 * i) for i in range(1, 14 * 4 + 1)]
    assert scheduler.times("daily") == [datetime(2026, 1, day, 3) for day in range(8, 22)]
    assert scheduler.times("weekly") == [datetime(2026, 1, 11, 2), datetime(2026, 1, 18, 2)]
    scheduler.stop()


def test_s0_29_setting_up_again_doubles_and_delays_nothing(clock):
    scheduler = Recorded(clock)
    for _ in range(3):
        scheduler.setup_optimization_schedule()
        scheduler.start()
        clock.now += timedelta(minutes=10)
    assert sorted(each["type"] for each in scheduler.active_schedules) == sorted(KINDS)
    scheduler.run_until(BEGAN + timedelta(hours=7))
    assert scheduler.times("hourly") == [BEGAN + timedelta(hours=i) for i in range(1, 8)]
    assert scheduler.times("medium") == [BEGAN + timedelta(hours=6)]
    scheduler.stop()


def test_runs_that_were_missed_while_the_process_was_stopped_are_made_up_for_once(clock, tmp_path):
    first = Recorded(clock, tmp_path)
    first.start()
    first.run_until(BEGAN + timedelta(hours=20))
    first.stop()
    clock.now = (BEGAN + timedelta(days=6)).astimezone()
    second = Recorded(clock, tmp_path)
    assert len(second.optimization_history) == len(first.fired) == 20 + 3 + 1
    second.start()
    second.run_until(BEGAN + timedelta(days=6))
    assert sorted(second.fired) == sorted((kind, BEGAN + timedelta(days=6)) for kind in KINDS)
    second.run_until(BEGAN + timedelta(days=6, hours=1))
    assert len(second.fired) == 5
    second.stop()


def test_a_process_that_never_lives_for_an_hour_still_runs_each_hour(clock, tmp_path):
    fired = []
    for _ in range(6):
        scheduler = Recorded(clock, tmp_path)
        scheduler.start()
        scheduler.run_until(clock.now.replace(tzinfo=None) + timedelta(minutes=50))
        scheduler.stop()
        fired += scheduler.times("hourly")
    assert fired == [BEGAN + timedelta(hours=i) for i in range(1, 6)]


def test_a_process_that_was_busy_or_asleep_runs_once_for_all_that_it_missed(clock):
    scheduler = Recorded(clock)
    scheduler.start()
    clock.now += timedelta(hours=5, minutes=30)
    scheduler._scheduler._process_jobs()
    assert [kind for kind, _ in scheduler.fired] == ["hourly"]
    scheduler.run_until(BEGAN + timedelta(hours=6))
    assert len(scheduler.times("hourly")) == 2 and len(scheduler.times("medium")) == 1
    scheduler.stop()


def test_a_run_that_fails_is_noted_and_the_next_one_comes(clock, monkeypatch):
    scheduler = Recorded(clock)
    monkeypatch.setattr(scheduler, "_hourly_optimization", lambda: 1 / 0)
    scheduler.start()
    scheduler.run_until(BEGAN + timedelta(hours=2))
    told = [each["results"][0][1]["error"] for each in scheduler.optimization_history]
    assert told == ["ZeroDivisionError: division by zero"] * 2
    scheduler.stop()


@pytest.mark.parametrize("mb, actions", [(600.0, []), (600.1, ["memory"])])
@pytest.mark.parametrize("rate, more", [(0.7, []), (0.69, ["cache"])])
def test_s0_30_hourly_memory_and_hit_rate_decide(monkeypatch, mb, actions, rate, more):
    instance = get_integrated_optimizer()
    report = instance.get_performance_report()
    report["system_state"]["memory_usage_mb"] = mb
    report["cache_performance"]["model_cache"]["hit_rate"] = rate
    monkeypatch.setattr(instance, "get_performance_report", lambda: report)
    scheduler = OptimizationScheduler()
    scheduler._hourly_optimization()
    assert [name for name, _ in scheduler.optimization_history[0]["results"]] == actions + more
    assert len(instance.optimization_results) == len(actions + more)


def test_s0_31_all_four_run_and_log_one_entry_each(tmp_path):
    scheduler = OptimizationScheduler(tmp_path)
    for kind in KINDS:
        getattr(scheduler, f"_{kind}_optimization")()
    assert [each["type"] for each in scheduler.optimization_history] == list(KINDS)
    names = {each["type"]: [name for name, _ in each["results"]] for each in scheduler.optimization_history}
    assert names["medium"] == ["memory", "cache", "feature"]
    assert names["daily"][-2:] == ["advanced_cache", "numpy_threads"] and len(names["daily"]) == 7
    assert names["weekly"] == ["deep_cleanup", "upkeep"]
    again = OptimizationScheduler(tmp_path)
    assert [each["type"] for each in again.optimization_history] == list(KINDS)
    daily = dict(scheduler.optimization_history[2]["results"])
    assert daily["numpy_threads"] == {"threads": max(1, CPUOptimizer().cpu_count // 2)}


def test_s0_32_entries_sum_what_was_measured(clock):
    scheduler, none = OptimizationScheduler(), {"improvement_percent": None}
    results = [("a", {"improvement_percent": 2.5}), ("b", {}), ("c", "text"), ("d", None), ("e", none)]
    scheduler._log_optimization("x", results)
    assert scheduler.optimization_history == [
        {"timestamp": BEGAN, "type": "x", "results": results, "total_improvements": 2.5}
    ]


def test_s0_g9_percents_of_different_things_are_not_added_up(clock, tmp_path):
    scheduler = OptimizationScheduler(tmp_path)
    for memory, cache in ((5.0, 40.0), (7.0, 0.0)):
        results = [("memory", {"improvement_percent": memory}), ("cache", {"improvement_percent": cache})]
        scheduler._log_optimization("medium", results)
    assert [each["total_improvements"] for each in scheduler.optimization_history] == [40.0, 7.0]
    for each in (scheduler, OptimizationScheduler(tmp_path)):
        summary = each.get_optimization_summary()
        assert summary["total_improvement"] == 40.0 and summary["avg_improvement"] == 20.0


def test_a_history_of_a_clock_that_was_ahead_does_not_keep_it_from_running(clock, tmp_path):
    ahead = (BEGAN + timedelta(days=900)).isoformat()
    (tmp_path / "history.jsonl").write_text(
        f'{{"timestamp": "{ahead}", "type": "hourly", "total_improvements": 0}}\n'
        '{"timestamp": "9999-12-31T23:59:59", "type": "daily", "total_improvements": 0}\n'
    )
    scheduler = OptimizationScheduler(tmp_path)
    scheduler.setup_optimization_schedule()
    assert all(job["next_run"] <= (BEGAN + timedelta(days=8)).astimezone() for job in scheduler.active_schedules)


def test_many_threads_may_log_at_once(tmp_path):
    scheduler = OptimizationScheduler(tmp_path)
    workers = [
        threading.Thread(target=lambda: [scheduler._log_optimization("x", []) for _ in range(25)]) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(scheduler.optimization_history) == len(OptimizationScheduler(tmp_path).optimization_history) == 200


def test_s0_33_older_entries_go_and_logs_rotate(clock, tmp_path):
    scheduler = OptimizationScheduler(tmp_path)
    for days in (31, 30.01, 29):
        clock.now = (BEGAN - timedelta(days=days)).astimezone()
        scheduler._log_optimization("x", [])
    clock.now = BEGAN.astimezone()
    assert scheduler._cleanup_history() == 2 and len(scheduler.optimization_history) == 1
    assert (tmp_path / "optimizer.log").read_text(encoding="utf-8").count("x: 0 actions") == 3
    for i in range(7):
        assert scheduler._rotate_logs()
        scheduler._write_log(f"week {i}")
    assert sorted(each.name for each in tmp_path.glob("optimizer.log*")) == ["optimizer.log"] + [
        f"optimizer.log.{i}" for i in range(1, 6)
    ]
    assert "week 6" in (tmp_path / "optimizer.log").read_text(encoding="utf-8")
    assert "week 1" in (tmp_path / "optimizer.log.5").read_text(encoding="utf-8")
    assert not OptimizationScheduler()._rotate_logs()


def test_a_log_that_cannot_be_rotated_keeps_the_weekly_work_from_nothing(clock, tmp_path):
    scheduler = OptimizationScheduler(tmp_path)
    scheduler._write_log("before")
    (tmp_path / "optimizer.log.4").write_text("old")
    (tmp_path / "optimizer.log.5").mkdir()  # in its way
    with pytest.warns(RuntimeWarning, match="cannot be rotated"):
        scheduler._weekly_optimization()
    results = dict(scheduler.optimization_history[-1]["results"])
    assert results["upkeep"]["logs_rotated"] is False and "gc_collected" in results["deep_cleanup"]
    assert "before" in (tmp_path / "optimizer.log").read_text(encoding="utf-8")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_on_a_full_disk_the_work_is_done_noted_in_memory_and_warned_of_once(tmp_path, capfd):
    scheduler = OptimizationScheduler(tmp_path)
    scheduler._history.path = scheduler._log = Path("/dev/full")
    with pytest.warns(RuntimeWarning) as warned:
        for _ in range(3):
            scheduler._hourly_optimization()
    assert len(warned) == 1 and "in memory only for now" in str(warned[0].message)
    assert [each["type"] for each in scheduler.optimization_history] == ["hourly"] * 3
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_log_that_cannot_be_written_is_warned_of_once_until_it_can(tmp_path, capfd):
    scheduler = OptimizationScheduler(tmp_path)
    log, scheduler._log = scheduler._log, Path("/dev/full")
    with pytest.warns(RuntimeWarning, match="/dev/full: the log cannot be written: .*No space left") as warned:
        for _ in range(3):
            scheduler._hourly_optimization()
    assert len(warned) == 1 and capfd.readouterr().err == ""
    scheduler._log = log
    scheduler._hourly_optimization()
    assert len(log.read_text(encoding="utf-8").splitlines()) == 1
    assert len(OptimizationScheduler(tmp_path).optimization_history) == 4


@pytest.mark.parametrize("duration", ["a", -1, True, float("inf"), float("nan"), 1e300])
def test_a_time_to_run_that_is_none_is_refused(duration):
    with pytest.raises(ConfigurationError, match="duration_minutes=.*: allowed are minutes from 0 up to"):
        OptimizationScheduler().run_scheduler(duration_minutes=duration)


@pytest.mark.parametrize("days", ["a", -1, 0, None, 1e9, float("nan")])
def test_a_summary_of_no_time_is_refused(days):
    with pytest.raises(ConfigurationError, match="days=.*: allowed are days above 0 up to 36525"):
        OptimizationScheduler().get_optimization_summary(days=days)


def test_s0_35_the_summary_matches_the_history(clock):
    scheduler = OptimizationScheduler()
    assert scheduler.get_optimization_summary(days=7) == {"message": "最近の最適化履歴がありません"}
    for days, kind, percent in ((8, "daily", 50.0), (6, "daily", 2.0), (1, "hourly", 4.0), (0.5, "hourly", 0.0)):
        clock.now = (BEGAN - timedelta(days=days)).astimezone()
        scheduler._log_optimization(kind, [("a", {"improvement_percent": percent})])
    clock.now = BEGAN.astimezone()
    assert scheduler.get_optimization_summary(days=7) == {
        "total_optimizations": 3,
        "by_type": {"daily": 1, "hourly": 2},
        "total_improvement": 6.0,
        "avg_improvement": 2.0,
        "period_days": 7,
    }


# -- by the real clock ----------------------------------------------------------------------------


def threads():
    return [each for each in threading.enumerate() if each.name.startswith(("perfcore-schedule", "APScheduler"))]


def test_s0_34_it_runs_for_the_time_given_and_leaves_no_thread():
    scheduler = OptimizationScheduler()
    began = time.perf_counter()
    scheduler.run_scheduler(duration_minutes=0.005)
    assert 0.3 <= time.perf_counter() - began < 10 and threads() == []
    scheduler.run_scheduler(duration_minutes=0)  # is not for ever
    assert threads() == []
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="duration_minutes"):
            scheduler.run_scheduler(wrong)


def test_s0_g9_schedules_are_told_while_it_runs_and_stopping_is_soon():
    with OptimizationScheduler() as scheduler:
        assert sorted(each["type"] for each in scheduler.active_schedules) == sorted(KINDS)
        assert all(each["next_run"] > datetime.now().astimezone() for each in scheduler.active_schedules)
        runner = threading.Thread(target=scheduler.run_scheduler)
        runner.start()
        time.sleep(0.05)
        began = time.perf_counter()
        scheduler.stop()
        runner.join(10)
        assert not runner.is_alive() and time.perf_counter() - began < 1
    assert scheduler.active_schedules == [] and threads() == []


def test_a_run_may_stop_its_scheduler(monkeypatch):
    scheduler, done = OptimizationScheduler(), threading.Event()

    def stop():
        scheduler.stop()
        done.set()

    monkeypatch.setattr(scheduler, "_hourly_optimization", stop)
    scheduler.start()
    scheduler._scheduler.modify_job("hourly", next_run_time=datetime.now().astimezone())
    assert done.wait(10) and scheduler.active_schedules == [] and not scheduler.optimization_history


SCRIPT = """
import sys, threading, time
from datetime import datetime
from perfcore.optimizer import OptimizationScheduler

class Slow(OptimizationScheduler):
    def _hourly_optimization(self):
        print("running", flush=True)
        time.sleep(0.5)
        self._log_optimization("hourly", [])

scheduler = Slow(sys.argv[1])
scheduler.setup_optimization_schedule()
scheduler._scheduler.modify_job("hourly", next_run_time=datetime.now().astimezone())
scheduler.run_scheduler()
print("ended", threading.active_count(), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_s0_34_a_signal_in_the_middle_of_a_run_ends_it_cleanly_with_its_entry_written(tmp_path, number):
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with contextlib.closing(child.stdout):
        assert child.stdout.readline() == "running\n"
        child.send_signal(number)
        assert child.stdout.read() == "ended 1\n" and child.wait(30) == 0
    assert [each["type"] for each in OptimizationScheduler(tmp_path).optimization_history] == ["hourly"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_forked_process_begins_with_a_stopped_scheduler():
    with OptimizationScheduler() as scheduler:
        pid = os.fork()
        if pid == 0:
            right = scheduler.active_schedules == []
            scheduler.start()
            right &= len(scheduler.active_schedules) == 4
            scheduler.stop()
            os._exit(0 if right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(scheduler.active_schedules) == 4


def test_s0_g4_the_schedule_needs_apscheduler_and_not_the_guides_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "schedule", None)  # importing it raises
    with OptimizationScheduler() as scheduler:
        assert len(scheduler.active_schedules) == 4
    for name in ("apscheduler", "apscheduler.schedulers.background"):
        monkeypatch.setitem(sys.modules, name, None)
    scheduler = OptimizationScheduler()
    with pytest.raises(MissingExtraError, match=r"APScheduler.*perfcore\[runtime\]"):
        scheduler.setup_optimization_schedule()
    scheduler._hourly_optimization()  # by hand it works without
    assert len(scheduler.optimization_history) == 1


@pytest.mark.filterwarnings("ignore:.*in memory only for now")
def test_runs_go_on_where_the_folder_is_gone(tmp_path, capsys):
    folder = tmp_path / "gone"
    scheduler = OptimizationScheduler(folder)
    scheduler._hourly_optimization()
    shutil.rmtree(folder)
    scheduler._run("hourly")
    scheduler._run("weekly")
    assert [each["type"] for each in scheduler.optimization_history] == ["hourly", "hourly", "weekly"]
    assert all(name != "failed" for each in scheduler.optimization_history for name, _ in each["results"])
    folder.mkdir()
    scheduler._run("hourly")
    assert len(OptimizationScheduler(folder).optimization_history) == 4


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        OptimizationScheduler(tmp_path / "file" / "folder")


def test_a_second_ctrl_c_leaves_sigterm_as_it_was(monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    scheduler = OptimizationScheduler()
    monkeypatch.setattr(OptimizationScheduler, "stop", stop)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        scheduler.run_scheduler(0)
    monkeypatch.undo()
    scheduler.stop()
    assert signal.getsignal(signal.SIGTERM) is before
