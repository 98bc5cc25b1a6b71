"""Snapshots keep the bits; every byte that is changed, cut or added is found; bytes that are forged are refused."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_tables import ONE, THREE, TWO, tables, told

from perfcore import InputError
from perfcore import features as f
from perfcore.features import RollingFeatures, snapshots

pd = pytest.importorskip("pandas")

FEATURES = {"x": [ONE["lag"], ONE["diff"]]}
PLACES = np.array([0, 1, 2, 3, 7, 2**20, 2**31, 2**63, 2**64 - 1, 0x3FF0000000000000], np.uint64)


def total(x):
    return x.sum()


def stream_of(features=None, n=3, **options):
    table = pd.DataFrame({"code": ["a", "b", "a", "é"][:n], "x": [1.0, 2.0, 4.0, np.nan][:n]})
    made = RollingFeatures(features or FEATURES, by="code", **options)
    return made, made.start(table)


def forged(blob, states=lambda states: states, **header):
    """With a digest that is right."""
    length = struct.unpack_from("<I", blob, 12)[0]
    text = json.loads(blob[32 : 32 + length])
    text = json.dumps({**text, **header}).encode()
    states = states(blob[32 + length :])
    front = snapshots._FRONT.pack(snapshots.MAGIC, snapshots.PROTOCOL, len(text), snapshots._digest(text, states))
    return front + text + states


def test_what_is_restored_is_the_same_and_says_the_same():
    made, stream = stream_of()
    blob = stream.snapshot()
    assert isinstance(blob, bytes) and b"pickle" not in blob
    for again in (made.restore(blob), RollingFeatures(FEATURES, by="code").restore(memoryview(blob))):
        assert again.snapshot() == blob and again.entities == ["a", "b"] and again.names == stream.names
        assert again.peek(("a", 9.0)).tobytes() == stream.peek(("a", 9.0)).tobytes()


@given(tables(), told(), st.sampled_from(["raise", "revise_last"]))
def test_all_states_are_states(columns, features, late):
    """No state that steps have made is taken for a forged one."""
    made = RollingFeatures(features, by=["code", "date"], on="date", late=late, n_threads=1)
    stream = made.start(pd.DataFrame(columns))
    blob = stream.snapshot()
    assert made.restore(blob).snapshot() == blob


def test_every_byte_counts():
    made, stream = stream_of(n=2)
    blob = stream.snapshot()
    for i in range(len(blob)):
        for changed in (blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1 :], blob[:i]):
            with pytest.raises(InputError, match="snapshot"):
                made.restore(changed)
    with pytest.raises(InputError, match="cut or damaged"):
        made.restore(blob + b"\0")


@pytest.mark.parametrize(
    "other",
    [
        RollingFeatures({"x": [ONE["lag"]]}, by="code"),
        RollingFeatures({"x": [ONE["diff"], ONE["lag"]]}, by="code"),
        RollingFeatures({"x": [ONE["lag"], ONE["pct_change"]]}, by="code"),
        RollingFeatures(FEATURES, by="code", after="x"),
        RollingFeatures(FEATURES, by="x"),
        RollingFeatures(FEATURES),
    ],
)
def test_other_features_do_not_take_it(other):
    with pytest.raises(InputError, match="a snapshot (of other features|whose)"):
        other.restore(stream_of()[1].snapshot())


def test_features_of_columns_that_are_not_there_do_not_take_it():
    with pytest.raises(InputError, match="column 'y' is unknown"):
        RollingFeatures({"y": [ONE["lag"]]}, by="code").restore(stream_of()[1].snapshot())


@pytest.mark.parametrize("blob", [b"", b"abc", b"\x93PCSTATE", bytes(100), "text", None, 3])
def test_what_is_no_snapshot_is_refused(blob):
    with pytest.raises(InputError, match="snapshot"):
        RollingFeatures(FEATURES, by="code").restore(blob)


def test_another_protocol_is_refused():
    blob = stream_of()[1].snapshot()
    with pytest.raises(InputError, match="protocol 7: this version reads 1"):
        RollingFeatures(FEATURES, by="code").restore(blob[:8] + struct.pack("<I", 7) + blob[12:])


@pytest.mark.parametrize(
    "header",
    [
        {"keys": ["a"]},
        {"keys": ["a", "b", "c"]},
        {"keys": ["a", "a"]},
        {"keys": ["a", None]},
        {"keys": ["a", ["b"]]},
        {"keys": ["a", {}]},
        {"keys": 3},
        {"kinds": []},
        {"kinds": ["nope"]},
        {"kinds": ["number"]},
        {"names": 3},
        {"names": ["code", 3]},
        {"names": []},
        {"on_kind": None},
        {"schema": "0" * 32},
        {"byteorder": "middle"},
        {"nan_is_missing": False},
    ],
    ids=str,
)
def test_forged_headers_are_refused(header):
    made, stream = stream_of()
    blob = stream.snapshot()
    assert made.restore(forged(blob)).snapshot() == blob
    with pytest.raises(InputError):
        made.restore(forged(blob, **header))


def test_forged_states_are_refused_or_harmless():
    """Any bytes in place of states: an error, or a stream that answers something."""
    random = np.random.default_rng(0)
    features = {
        "x": [*ONE.values()],
        ("x", "x"): [*TWO.values()],
        ("x", "x", "x"): [*THREE.values()],
    }
    n = 30
    table = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=n), "x": random.normal(size=n)})
    made = RollingFeatures(features, on="t")
    blob = made.start(table).snapshot()
    rows = [(t, float(i)) for i, t in enumerate(pd.date_range("2021-01-01", periods=9))]
    n_taken = 0
    for trial in range(400):

        def change(states, trial=trial):
            cells = np.frombuffer(states, np.uint64).copy()
            at = random.integers(0, len(cells), 1 + trial % 3)
            cells[at] = random.choice(PLACES, len(at))
            return cells.tobytes()

        try:
            stream = made.restore(forged(blob, change))
        except InputError:
            continue
        n_taken += 1
        stream.ready()
        for row in rows:
            stream.update(row)
        assert len(stream.snapshot()) >= len(blob)
    assert n_taken > 0
    for cut in (0, 8, 24, 100):
        with pytest.raises(InputError):
            made.restore(forged(blob, lambda states, cut=cut: states[:cut]))


def test_forged_windows_of_functions_are_refused_or_make_room():
    """Cells that would never leave a window of rows would leave no room for the next."""
    pytest.importorskip("numba")
    random = np.random.default_rng(1)
    made = RollingFeatures({"x": [f.apply(total, 3)]})
    blob = made.start(pd.DataFrame({"x": np.arange(10.0)})).snapshot()
    begin = 4  # after the level, the entity's time and rows, and the size

    def full(states):
        cells = np.frombuffer(states, np.int64).copy()
        cells[begin : begin + 3] = 0, 0, cells[begin - 1]
        return cells.tobytes()

    with pytest.raises(InputError, match="states are not of such features"):
        made.restore(forged(blob, full))
    n_taken = 0
    for trial in range(2000):

        def change(states, trial=trial):
            cells = np.frombuffer(states, np.int64).copy()
            at = random.integers(3, len(cells), 1 + trial % 3)
            cells[at] = random.choice([*range(12), -1, 2**62, 2**63 - 1], len(at))
            return cells.tobytes()

        try:
            stream = made.restore(forged(blob, change))
        except InputError:
            continue
        n_taken += 1
        for i in range(9):
            assert stream.peek((float(i),)).tobytes() == stream.update((float(i),)).tobytes()
    assert n_taken > 0


@pytest.mark.parametrize("word", [2, 7], ids=["of the entity", "of the window"])
def test_counts_of_rows_that_another_would_overflow_are_refused(word):
    pytest.importorskip("numba")
    made = RollingFeatures({"x": [f.apply(total, 3)]})

    def change(states):
        cells = np.frombuffer(states, np.int64).copy()
        assert cells[word] == 10
        cells[word] = 2**63 - 1
        return cells.tobytes()

    with pytest.raises(InputError, match="states are not of such features"):
        made.restore(forged(made.start(pd.DataFrame({"x": np.arange(10.0)})).snapshot(), change))


@pytest.mark.parametrize("window", [1, 3, 80, 1000, "2D"])
def test_counts_that_would_overflow_are_refused(window):
    table = pd.DataFrame({"x": np.arange(90.0), "t": pd.date_range("2020-01-01", periods=90)})
    made = RollingFeatures({"x": [f.mean(window)]}, on="t")
    blob = made.start(table).snapshot()
    states = np.frombuffer(blob[32 + struct.unpack_from("<I", blob, 12)[0] :], np.int64)
    counts = np.flatnonzero(states == 90)
    assert len(counts) >= 2
    for at in counts:
        for count in (2**63 - 1, 2**62, 2**62 + 79):
            changed = states.copy()
            changed[at] = count
            with pytest.raises(InputError):
                made.restore(forged(blob, lambda _, changed=changed: changed.tobytes()))
