"""Work in pieces: order, ways, memory, errors, and workers that die."""

import glob
import os
import pickle
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
from piece_jobs import (
    die,
    double,
    fail_at_three,
    itself,
    lies_in,
    slow,
    slow_first,
    spin,
    stop_at_three,
    total,
    write_to,
)

from perfcore import ConfigurationError, InputError
from perfcore.runtime import parallel
from perfcore.runtime.chunks import bytes_of, chunks
from perfcore.runtime.memory import measure
from perfcore.runtime.sharing import Shared

joblib = pytest.importorskip("joblib")
WAYS = ("serial", "threads", "processes", "auto")


@pytest.mark.parametrize("how", WAYS)
def test_s1_06_results_come_in_order_and_are_those_of_a_plain_map(how):
    assert list(parallel.map(double, range(50), how=how, workers=2)) == [2 * x for x in range(50)]
    assert list(parallel.map(double, [], how=how, workers=2)) == []


@pytest.mark.parametrize("how", ["threads", "processes"])
def test_local_functions_are_taken_too(how):
    add = 3
    assert list(parallel.map(lambda x: x + add, range(5), how=how, workers=2)) == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("how", WAYS)
def test_a_worker_s_error_reaches_the_caller_with_its_traceback_when_its_turn_comes(how):
    results = parallel.map(fail_at_three, range(1000), how=how, workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="number three") as raised:
        next(results)
    shown = "".join(__import__("traceback").format_exception(raised.value))
    assert "fail_at_three" in shown and "number three" in shown


def test_a_worker_that_is_killed_is_an_error_and_no_hang_and_the_next_call_works():
    with pytest.raises(RuntimeError, match="terminated|killed|abruptly"):
        list(parallel.map(die, range(8), how="processes", workers=2))
    assert list(parallel.map(double, range(4), how="processes", workers=2)) == [0, 2, 4, 6]


@pytest.mark.parametrize("how", WAYS)
def test_stop_iteration_of_a_function_is_an_error_and_loses_no_result_silently(how):
    results = parallel.map(stop_at_three, range(8), how=how, workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="StopIteration"):
        next(results)


@pytest.mark.parametrize("how", ["threads", "processes"])
def test_no_more_is_under_way_than_two_pieces_a_worker(how):
    taken = []

    def pieces():
        for i in range(200):
            taken.append(i)
            yield i

    results = parallel.map(double, pieces(), how=how, workers=2)
    for i in range(20):
        next(results)
        assert len(taken) <= i + 2 * 2 + 1
    results.close()


def test_s0_19_little_work_is_done_here_one_after_another():
    seen = list(parallel.map(lambda x: threading.current_thread() is threading.main_thread(), range(100), workers=2))
    assert all(seen)


@pytest.mark.parametrize("n", [0, 1, 3000])
def test_little_work_is_done_here_also_where_nobody_knows_how_many_pieces_there_are(n, monkeypatch):
    monkeypatch.setattr(parallel, "Workers", None)
    monkeypatch.setattr(parallel, "ThreadPoolExecutor", None)
    assert list(parallel.map(double, (i for i in range(n)), workers=2)) == [2 * i for i in range(n)]
    table = np.ones((1000, 4))
    assert sum(parallel.map(total, table, max_bytes=table.nbytes // 10, workers=2)) == 4000


@pytest.mark.parametrize("is_known", [True, False])
def test_crumbs_are_not_sent_to_processes_however_many_they_are(is_known, monkeypatch):
    monkeypatch.setattr(parallel, "Workers", None)
    monkeypatch.setattr(parallel, "SOON", 0.001)
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.001)
    data = range(20_000) if is_known else iter(range(20_000))
    assert sum(parallel.map(double, data, workers=2)) == 20_000 * 19_999


@pytest.mark.parametrize("is_known", [True, False])
def test_much_work_that_holds_the_interpreter_is_done_by_processes(is_known, monkeypatch):
    monkeypatch.setattr(parallel, "SOON", 0.05)
    monkeypatch.setattr(parallel, "WORTH_PROCESSES", 0.1)
    monkeypatch.setattr(parallel, "GAIN", 100)  # by threads, which a busy machine may make believe
    pieces = [500_000] * 60
    seen = list(parallel.map(spin, pieces if is_known else iter(pieces), workers=2))
    assert seen[0] == os.getpid() != seen[-1]


def test_one_process_is_another_process_and_one_thread_the_caller_s():
    assert list(parallel.map(spin, [1], how="processes", workers=1)) != [os.getpid()]
    seen = parallel.map(lambda _: threading.get_ident(), [1], how="threads", workers=1)
    assert list(seen) == [threading.get_ident()]


def test_work_that_lets_go_of_the_interpreter_is_done_by_threads():
    seen = list(parallel.map(slow, range(12), workers=2))
    assert seen[0] and not any(seen[3:])


def test_ways_are_compared():
    found = parallel.compare(partial(time.sleep), [0.02] * 6, workers=2)
    assert found.best in ("threads", "processes") and found.seconds["serial"] >= 0.12
    assert "<- best" in str(found)
    assert parallel.compare(double, range(3), workers=2).best == "serial"
    with pytest.raises(ConfigurationError, match="no pieces"):
        parallel.compare(double, [])


def test_rows_of_a_table_are_no_pieces_to_compare(tmp_path):
    for table in (np.ones((3, 3)), tmp_path / "t.parquet", "t.parquet"):
        with pytest.raises(ConfigurationError, match=r"cut into pieces .* chunks\(table, max_bytes\)"):
            parallel.compare(total, table)
    assert parallel.compare(total, parallel.chunks(np.ones((30, 3)), 100), workers=2).workers == 2


def test_the_error_of_a_number_of_workers_names_the_argument():
    for workers in (0, True, 1.5):
        for call in (parallel.map, parallel.compare):
            with pytest.raises(ConfigurationError, match=rf"^workers={workers}: allowed are"):
                call(double, [1], workers=workers)


# -- pieces ---------------------------------------------------------------------------------------------


def tables():
    numbers = np.arange(5000.0).reshape(1000, 5)
    yield "numpy", numbers
    pandas, polars, pyarrow = (pytest.importorskip(each) for each in ("pandas", "polars", "pyarrow"))
    columns = {f"c{i}": numbers[:, i] for i in range(5)}
    yield "pandas", pandas.DataFrame(columns)
    yield "polars", polars.DataFrame(columns)
    yield "pyarrow", pyarrow.table(columns)


@pytest.mark.parametrize("how", ["serial", "threads", "processes"])
def test_tables_are_cut_and_all_their_rows_are_seen_once(how):
    for library, table in tables():
        pieces = list(chunks(table, 4000))
        assert len(pieces) >= 10 and sum(map(len, pieces)) == 1000, library
        assert all(bytes_of(piece) <= 4000 + 400 or library == "pandas" for piece in pieces), library
        found = list(parallel.map(total, table, max_bytes=20_000, how=how, workers=2))
        assert len(found) > 3 and sum(found) == np.arange(5000.0).sum(), library
    assert not glob.glob(f"/dev/shm/perfcore-{os.getpid()}-*")


def test_a_file_is_read_piece_by_piece(tmp_path):
    import pyarrow.feather
    import pyarrow.parquet

    table = pyarrow.table({"a": np.arange(20_000.0), "b": np.arange(20_000)})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    pyarrow.feather.write_feather(table, tmp_path / "t.arrow", compression="uncompressed")
    for name in ("t.parquet", "t.arrow"):
        pieces = list(chunks(tmp_path / name, 30_000))
        assert all(piece.nbytes <= 30_000 for piece in pieces)
        assert pyarrow.Table.from_batches(pieces).equals(table)
    (tmp_path / "text").write_text("no table at all")
    with pytest.raises(InputError, match="neither a Parquet nor an Arrow file"):
        list(chunks(tmp_path / "text", 1000))


def test_s1_16_data_of_three_times_the_budget_finishes_inside_it(tmp_path):
    import pyarrow.parquet

    budget, n = 30_000_000, 1_250_000
    with pyarrow.parquet.ParquetWriter(tmp_path / "t.parquet", pyarrow.schema({"a": "double"})) as writer:
        for i in range(10):
            column = np.random.default_rng(i).normal(size=n)
            writer.write_table(pyarrow.table({"a": column}), row_group_size=100_000)
    assert 10 * n * 8 > 3 * budget
    list(parallel.map(total, tmp_path / "t.parquet", max_bytes=1_000_000, how="serial"))  # libraries are loaded
    with measure() as cost:
        found = list(parallel.map(total, tmp_path / "t.parquet", max_bytes=budget, how="threads", workers=2))
    assert len(found) > 3
    if cost.resident_peak is not None:
        assert cost.resident_peak - cost.resident_before < budget


def test_a_file_whose_rows_grow_is_not_read_many_large_rows_at_once(tmp_path):
    import pyarrow.parquet

    schema = pyarrow.schema({"s": "string"})
    with pyarrow.parquet.ParquetWriter(tmp_path / "t.parquet", schema, use_dictionary=False) as writer:
        writer.write_table(pyarrow.table({"s": ["x"] * 5000}))
        for _ in range(4):
            writer.write_table(pyarrow.table({"s": [f"{i:020000}" for i in range(250)]}))
    before, peak, n = pyarrow.total_allocated_bytes(), 0, 0
    for piece in chunks(tmp_path / "t.parquet", 1_000_000):
        n, peak = n + len(piece), max(peak, pyarrow.total_allocated_bytes() - before)
        assert piece.nbytes <= 1_000_000
    assert n == 6000 and peak < 10_000_000  # of 20


@pytest.mark.parametrize(
    "arguments",
    [{"how": "fast"}, {"workers": 0}, {"max_bytes": 0}, {"max_bytes": 1.5}],
)
def test_arguments_outside_what_is_allowed_are_refused(arguments):
    with pytest.raises(ConfigurationError, match="allowed are"):
        list(parallel.map(double, np.ones((3, 3)), **arguments))


def test_a_table_without_a_budget_and_what_is_no_table_with_one_are_refused():
    with pytest.raises(ConfigurationError, match="max_bytes="):
        parallel.map(total, np.ones((3, 3)))
    with pytest.raises(InputError, match="expected a table"):
        list(parallel.map(total, [1, 2], max_bytes=100))
    with pytest.raises(ConfigurationError, match="expected a function"):
        parallel.map(3, [1])


def test_a_bar_shows_how_far_it_is_and_the_results_are_the_same(capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich's way to say that this is a terminal
    assert list(parallel.map(double, range(10), progress=True, how="serial")) == [2 * x for x in range(10)]
    shown = capsys.readouterr()
    assert "pieces" in shown.err and "10/10" in shown.err and shown.out == ""
    results = parallel.map(fail_at_three, range(10), progress=True, how="serial")
    with pytest.raises(LookupError):
        list(results)
    shown = capsys.readouterr().err
    assert "3/10" in shown and "10/10" not in shown


def test_perfcore_num_threads_says_how_many_workers(monkeypatch):
    monkeypatch.setenv("PERFCORE_NUM_THREADS", "1")
    seen = list(parallel.map(lambda x: threading.current_thread() is threading.main_thread(), range(5), how="threads"))
    assert all(seen)


# -- tables as they were ------------------------------------------------------------------------------


def _odd_tables():
    made = {
        "Fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "strided": np.arange(20)[::3],
        "times": np.array(["2020-01-01", "NaT"], "M8[s]"),
        "no rows": np.zeros((0, 3), np.float32),
        "masked": np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        "objects": np.array([1, "a", None], object),
    }
    try:
        import pandas as pd

        frame = pd.DataFrame({"i": np.arange(4, dtype=np.int8), "o": [1, None, "x", (1, 2)], "n": [1, 2, None, 2**60]})
        frame["n"] = frame["n"].astype(object)
        frame["c"] = pd.Categorical(["b", "a", "b", "c"], categories=["c", "b", "a"], ordered=True)
        made["frame"] = frame
        made["MultiIndex"] = frame.set_index(["i", "c"])
        made["twice the name"] = pd.DataFrame([[1, 2.0], [3, 4.0]], columns=["a", "a"], index=[5, 5])
        made["numbers as names"] = pd.DataFrame({0: [1], ("a", 1): ["x"]})
        made["no rows of pandas"] = frame.iloc[:0]
        made["Int64"] = pd.DataFrame({"a": pd.array([1, None], "Int64")}, index=pd.date_range("2020", periods=2))
    except ImportError:
        pass
    try:
        import pyarrow as pa

        nested = pa.array([[{"a": 1}], None, []])
        made["batch"] = pa.record_batch({"x": nested, "y": pa.array(["a", None, "b"])})
        made["dictionaries"] = pa.table(
            {"d": pa.chunked_array([pa.array(["a", "b"]).dictionary_encode(), pa.array(["c"]).dictionary_encode()])}
        )
        made["no rows of Arrow"] = made["dictionaries"].slice(0, 0)
        made["slice"] = made["batch"].slice(1, 2)
    except ImportError:
        pass
    try:
        import polars as pl

        made["polars"] = pl.DataFrame(
            {
                "e": pl.Series(["a", "b"], dtype=pl.Enum(["b", "a"])),
                "c": pl.Series(["x", None], dtype=pl.Categorical),
                "l": [[1], []],
            }
        )
        made["no rows of polars"] = made["polars"].head(0)
    except ImportError:
        pass
    return made


ODD_TABLES = _odd_tables()


@pytest.mark.parametrize("name", ODD_TABLES)
def test_a_table_is_in_a_worker_what_it_was(name):
    table = ODD_TABLES[name]
    (found,) = parallel.map(itself, [table], how="processes", workers=2)
    assert type(found) is type(table)
    if isinstance(table, np.ndarray):
        assert found.dtype == table.dtype and repr(found) == repr(table)
    elif hasattr(table, "iloc"):
        import pandas

        pandas.testing.assert_frame_equal(found, table)
        assert [type(cell) for column in found for cell in np.ravel(found[column])] == [
            type(cell) for column in table for cell in np.ravel(table[column])
        ]
    else:
        assert found.equals(table) and found.schema == table.schema


def test_workers_map_the_memory_of_tables_and_are_sent_next_to_nothing():
    pyarrow, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    array = np.arange(500_000.0)
    tables = [array, pyarrow.table({"a": array}), pyarrow.record_batch({"a": array}), polars.DataFrame({"a": array})]
    with Shared() as shared:
        assert [len(pickle.dumps(shared.put(table))) < 300 for table in tables] == [True] * 4
        assert sum(os.path.getsize(each) for each in glob.glob(f"{shared.folder}/*")) >= 4 * array.nbytes
    found = list(parallel.map(lies_in, tables[:3], how="processes", workers=2))
    assert found[0] == "mmap" and max(found[1:]) < 0.1 * array.nbytes


def test_a_worker_may_write_to_its_piece_which_is_nobody_else_s():
    piece = np.zeros(3)
    assert list(parallel.map(write_to, [piece], how="processes", workers=2)) == [7.0]
    assert piece[0] == 0.0


def test_a_full_memory_file_system_is_done_without(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("perfcore.runtime.sharing._write", full)
    assert list(parallel.map(total, [np.ones(5), np.ones(2)], how="processes", workers=2)) == [5.0, 2.0]


def test_a_map_that_is_given_up_leaves_no_file_and_says_nothing(caplog, capfd):
    results = parallel.map(slow_first, [np.full(1000, i) for i in range(20)], how="processes", workers=2)
    assert next(results) == 0
    results.close()
    time.sleep(0.5)
    assert caplog.records == [] and "exception" not in capfd.readouterr().err
    assert not glob.glob(f"/dev/shm/perfcore-{os.getpid()}-*")


def test_results_before_a_failing_piece_are_handed_out_also_while_it_is_measured():
    def fail(x):
        time.sleep(0.01)
        if x:
            raise LookupError
        return x

    results = parallel.map(fail, range(100), how="auto", workers=2)
    assert next(results) == 0
    with pytest.raises(LookupError):
        next(results)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_pieces_keep_to_the_budget_where_some_rows_are_larger_than_others(library):
    module = pytest.importorskip(library)
    frame = module.table if library == "pyarrow" else module.DataFrame
    table = frame({"s": ["x" * 10] * 1000 + ["y" * 3000] * 300})
    pieces = list(chunks(table, 50_000))
    assert sum(map(len, pieces)) == len(table)
    assert all(bytes_of(piece) <= 50_000 for piece in pieces) and len(pieces) < 100


def test_pieces_that_share_most_of_their_memory_are_not_cut_to_rows():
    pyarrow = pytest.importorskip("pyarrow")
    texts = pyarrow.array([f"{i:0100}" for i in range(1000)]).dictionary_encode()
    assert len(list(chunks(pyarrow.table({"d": texts}), 50_000))) <= 4


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no file system in memory here")
def test_a_process_that_is_killed_leaves_no_file_and_no_worker():
    code = """if True:
        import glob, os, numpy, time
        from perfcore.runtime import parallel
        results = parallel.map(numpy.sum, [numpy.ones(9)] * 20, how="processes", workers=2)
        next(results)
        print(glob.glob(f"/dev/shm/perfcore-{os.getpid()}-*")[0], flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(  # it is over when its workers are: they hold its output
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=30
    )
    folder = done.stdout.strip()
    assert folder.startswith("/dev/shm/perfcore-")
    for _ in range(100):
        if not os.path.exists(folder):
            return
        time.sleep(0.1)
    raise AssertionError(f"{folder} is still there")
