"""The table of hit ratios: traces are read as they are meant, the best possible is the best possible."""

import gzip
import itertools
import json
import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module", autouse=True)
def benchmarks(benchmarks_in, tmp_path_factory):
    benchmarks_in(tmp_path_factory.mktemp("benchmarks"))
    import benchmarks.hit_ratios
    import benchmarks.traces

    return benchmarks


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.trace", b"30\n7\n*\n30\n9\n"),
        ("words.txt", b"user-30\nuser-7\nuser-30\nuser-9\n"),
        ("a.trace.gz", gzip.compress(b"30\n7\n30\n9\n", mtime=0)),
        ("blocks.lis", b"6 2 0 0\n6 1 0 1\n9 1 0 2\n"),
        ("a.jsonl", b'{"hash_ids": [30, 7]}\n{"hash_ids": [30, 9]}\n'),
        ("web12.trace.xz", lzma.compress(np.array([30, 7, 30, 9], ">u4").tobytes() + b"\0")),
        ("scarab-recs.trace", np.array([30, 7, 30, 9], ">u8").tobytes()),
        ("mine.bin", np.array([30, 7, 30, 9], "<u2").tobytes()),
    ],
)
def test_every_format_tells_its_keys_by_the_order_of_their_first_request(benchmarks, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert benchmarks.traces.read(path, {"mine*": "<u2"}).tolist() == [0, 1, 0, 2]


def test_an_array_is_a_trace(benchmarks, tmp_path):
    np.save(tmp_path / "a.npy", np.array([30, 7, 30, 9]))
    assert benchmarks.traces.read(tmp_path / "a.npy").tolist() == [0, 1, 0, 2]
    np.save(tmp_path / "b.npy", np.zeros((2, 2)))
    with pytest.raises(benchmarks.traces.NoTrace, match="integers in one dimension"):
        benchmarks.traces.read(tmp_path / "b.npy")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("a.bin", bytes(16), "binary; say"), ("a.txt", b"1 2\n3 4\n", "lines of 2 words"), ("a.txt", b"", "no keys")],
)
def test_what_cannot_be_read_for_sure_is_said(benchmarks, tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(benchmarks.traces.NoTrace, match=reason):
        benchmarks.traces.read(tmp_path / name)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.integers(1, 3))
def test_nobody_who_may_choose_does_better_than_the_best_possible(benchmarks, keys, capacity):
    states = {frozenset(): 0}  # what is kept, and the most hits that lead there
    for key in keys:
        then = {}
        for kept, hits in states.items():
            there = kept | {key}
            for n in range(min(capacity, len(there)) + 1):
                for chosen in itertools.combinations(sorted(there), n):
                    now = frozenset(chosen)
                    then[now] = max(then.get(now, 0), hits + (key in kept))
        states = then
    assert benchmarks.hit_ratios.best_possible(np.array(keys), capacity) == max(states.values())


def test_hits_of_a_policy_are_those_of_its_definition(benchmarks):
    trace = np.array([0, 1, 0, 2, 0, 1, 2, 3, 0])
    assert benchmarks.hit_ratios.of_policy(trace, 2, "lru_exact") == 2
    assert benchmarks.hit_ratios.of_policy(trace, 4, "clock") == 5


def test_the_table_has_a_row_for_each_trace_and_capacity(benchmarks, tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "inner").mkdir()
    for name in ("one", "inner/two"):
        (tmp_path / f"{name}.trace").write_text("\n".join(map(str, rng.zipf(1.3, 2000) % 400)))
    (tmp_path / "README.md").write_text("no trace")
    (tmp_path / "odd.txt").write_text("1 2\n")
    arguments = [str(tmp_path), "--capacity", "5", "50", "--jobs", "1", "--json", str(tmp_path / "table.json")]
    assert benchmarks.hit_ratios.main(arguments) == 0
    told, complaints = capsys.readouterr()
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith(("| one", "| inner"))]
    assert [(row[0], row[2]) for row in rows] == [
        ("| inner/two", "5"), ("| inner/two", "50"), ("| one", "5"), ("| one", "50")
    ]  # fmt: skip
    assert "clock less lru_exact: " in told and "lines of 2 words" in complaints
    for cell in json.loads((tmp_path / "table.json").read_text()):
        assert cell["requests"] == 2000 and 0 < cell["hits"]["clock"] <= cell["hits"]["best possible"]


def test_a_folder_without_traces_is_an_error(benchmarks, tmp_path, capsys):
    assert benchmarks.hit_ratios.main([str(tmp_path)]) == 2
    assert "no traces" in capsys.readouterr().err
