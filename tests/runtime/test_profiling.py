"""Profilers: what they see, that they are off again, and what they draw."""

import cProfile
import re
import subprocess
import sys
import time
import tracemalloc
import xml.dom.minidom
from functools import lru_cache, partial

import numpy as np
import pytest

from perfcore import ConfigurationError, MissingExtraError
from perfcore._ext.cells import is_finite_table
from perfcore.optimizer import PerformanceProfiler
from perfcore.runtime import profiling
from perfcore.runtime.flame_graph import flame_graph


def slow_part(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(100))


def work(seconds=0.05):
    slow_part(seconds)
    return "done"


def fails():
    raise LookupError("mine")


def holds():
    return [np.ones(200_000), bytearray(100_000)]


WAYS = {
    "cProfile": lambda f: profiling.time(f),
    "pyinstrument": lambda f: profiling.time(f, by="pyinstrument"),
    "line_profiler": lambda f: profiling.lines(f, of=[slow_part]),
    "tracemalloc": lambda f: profiling.memory(f),
    "memray": lambda f: profiling.memory(f, by="memray"),
}


def ask(way, function):
    if way in ("pyinstrument", "line_profiler", "memray"):
        pytest.importorskip(way)
    return WAYS[way](function)


@pytest.mark.parametrize("way", ["cProfile", "pyinstrument", "line_profiler"])
def test_s1_10_the_slow_part_is_first_and_the_result_is_there(way):
    found = ask(way, work)
    assert found.result == "done" and found.by == way and found.unit == "seconds"
    where, seconds, times = found.rows[0] if way != "line_profiler" else max(found.rows, key=lambda row: row[1])
    text = found.text() + where
    assert "slow_part" in text or "sum" in text
    assert found.table(1)[0].keys() == {"where", "seconds", "times"}


@pytest.mark.parametrize("way", ["tracemalloc", "memray"])
def test_memory_that_is_held_is_told_with_its_line_and_peak(way):
    found = ask(way, holds)
    assert len(found.result) == 2 and found.unit == "bytes"
    assert found.peak >= 1_700_000
    assert sum(held for _, held, _ in found.rows) >= 1_600_000
    if way == "tracemalloc":
        assert any("test_profiling.py" in where or "numeric.py" in where for where, _, _ in found.rows[:2])


@pytest.mark.parametrize("way", WAYS)
def test_what_the_function_raises_comes_through_and_the_profiler_is_off(way):
    with pytest.raises(LookupError, match="mine"):
        ask(way, fails)
    assert sys.getprofile() is None and sys.gettrace() is None and not tracemalloc.is_tracing()
    cProfile.Profile().runcall(len, "")  # no other profiler is in the way
    assert ask(way, work).result == "done"


@pytest.mark.parametrize(
    "way, suffixes",
    [("cProfile", []), ("pyinstrument", [".html"]), ("tracemalloc", [".svg"]), ("memray", [".html", ".svg"])],
)
def test_what_a_tool_draws_is_written_and_what_it_does_not_is_refused(way, suffixes, tmp_path):
    found = ask(way, work if way in ("cProfile", "pyinstrument") else holds)
    found.save(tmp_path / "p.txt")
    assert (tmp_path / "p.txt").read_text().strip()
    for suffix in suffixes:
        found.save(tmp_path / f"p{suffix}")
        text = (tmp_path / f"p{suffix}").read_text()
        assert "<svg" in text if suffix == ".svg" else "<html" in text.lower()
    with pytest.raises(ConfigurationError, match=f"by {way} is saved as"):
        found.save(tmp_path / "p.pdf")


def test_tracing_that_was_on_stays_on():
    tracemalloc.start()
    try:
        profiling.memory(holds)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_a_process_is_seen_from_outside():
    code = "import time\ndef busy():\n    while True: sum(range(1000))\nprint('ready', flush=True)\nbusy()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        try:
            found = profiling.sample(process.pid, 1)
        except (MissingExtraError, ConfigurationError) as reason:
            pytest.skip(str(reason))
        assert "busy" in found.text() and found.unit == "samples"
        assert "busy" in found.drawings[".svg"]
    finally:
        process.kill()
        process.wait()


def test_a_process_that_is_not_there_or_no_python_is_told_in_a_line():
    process = subprocess.Popen(["sleep", "30"])
    missing = 2**22 + 1  # more than any system's pid_max
    try:
        for pid, told in (
            (process.pid, "py-spy cannot look at process .*"),
            (missing, "pid=.*: there is no such process"),
        ):
            try:
                profiling.sample(pid, 1)
            except MissingExtraError as reason:
                pytest.skip(str(reason))
            except ConfigurationError as error:
                assert re.fullmatch(told, str(error)) and "backtrace" not in str(error)
            else:
                raise AssertionError(told)
    finally:
        process.kill()
        process.wait()


def test_lines_are_those_of_the_function_that_is_run_whatever_is_around_it():
    pytest.importorskip("line_profiler")

    class Called:
        def __call__(self):
            return work(0.001)

    for function in (partial(work, 0.001), Called(), Called().__call__, lru_cache(work)):
        found = profiling.lines(function)
        assert found.result == "done" and found.rows


def test_arguments_outside_what_is_allowed_are_refused():
    for call in (
        lambda: profiling.time(work, by="x"),
        lambda: profiling.memory(work, by="x"),
        lambda: profiling.sample(0),
        lambda: profiling.sample(1, -1),
        lambda: profiling.sample(1, "a"),
        lambda: profiling.sample("1"),
    ):
        with pytest.raises(ConfigurationError, match="allowed are"):
            call()


def test_s1_17_a_missing_tool_names_its_extra():
    code = """
import sys
for name in ("pyinstrument", "line_profiler", "memray"): sys.modules[name] = None
import perfcore
from perfcore.runtime import profiling
for call in (lambda: profiling.time(len, "", by="pyinstrument"), lambda: profiling.lines(len, ""),
             lambda: profiling.memory(len, "", by="memray")):
    try: call()
    except perfcore.MissingExtraError as error: assert "perfcore[profile]" in str(error)
    else: raise AssertionError
assert profiling.time(len, "abc").result == 3
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_s1_17_a_missing_py_spy_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(profiling.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(profiling.shutil, "which", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"py-spy.*perfcore\[profile\]"):
        profiling.sample(1)


def test_a_flame_graph_is_a_drawing_whose_boxes_have_their_share():
    text = flame_graph({("a", "b<c>"): 3.0, ("a", "d"): 1.0, ("e",): 4.0}, "seconds", "title & more")
    document = xml.dom.minidom.parseString(text)
    boxes = {
        group.getElementsByTagName("title")[0].firstChild.data.split(":")[0]: float(
            group.getElementsByTagName("rect")[0].getAttribute("width")
        )
        for group in document.getElementsByTagName("g")
    }
    assert boxes == {"all": 1200, "a": 600, "b<c>": 450, "d": 150, "e": 600}
    assert flame_graph({}, "seconds", "nothing").count("<rect") == 0


def test_stacks_deeper_than_calls_may_be_are_drawn():
    stack = tuple(f"f{i}" for i in range(5 * sys.getrecursionlimit()))
    assert flame_graph({stack: 1.0}, "samples", "deep").count("<rect") == len(stack) + 1


def test_a_sample_says_for_how_long_it_really_looked(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command[command.index("-d") + 1])
        with open(command[command.index("-o") + 1], "w") as file:
            file.write("main;work 3\n")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(profiling.shutil, "which", lambda name: name)
    monkeypatch.setattr(profiling.subprocess, "run", run)
    assert "1 s" in profiling.sample(1, 0.4).drawings[".svg"] and asked == ["1"]
    with pytest.raises(ConfigurationError, match="seconds above 0"):
        profiling.sample(1, float("inf"))


def test_names_of_a_function_s_own_arguments_are_handed_on():
    def named(function, func=None):
        return function, func

    assert profiling.time(named, function=3).result == (3, None)
    assert profiling.memory(named, function=3, func=4).result == (3, 4)
    assert PerformanceProfiler().profile_function(named, function=3, func=4)[0] == (3, 4)


def test_what_is_not_written_in_python_has_no_lines():
    pytest.importorskip("line_profiler")
    for function in (len, str.upper, partial(len), str, is_finite_table):
        with pytest.raises(ConfigurationError, match="written in Python"):
            profiling.lines(function, "a")
    with pytest.raises(ConfigurationError, match="sum: expected a function that is written in Python"):
        profiling.lines(work, of=[slow_part, sum])


def test_names_that_xml_or_utf_8_do_not_have_are_drawn_and_written(tmp_path):
    drawing = flame_graph({("a\udc80\0",): 1.0}, "bytes", "title \x1b \udc80")
    xml.dom.minidom.parseString(drawing.encode())
    profiling.Profile("x", None, [("file\udc80:1", 1.0, 1)], "bytes").save(tmp_path / "a.txt")
    assert "file" in (tmp_path / "a.txt").read_text(encoding="utf-8")
