"""What CatBoost takes for a table, perfcore takes for the same table; what it refuses, perfcore refuses."""

import numpy as np
import pytest

import perfcore

catboost = pytest.importorskip("catboost", reason="catboost is not installed")
pd = pytest.importorskip("pandas")
RNG = np.random.default_rng(6)
X = RNG.normal(size=(400, 5)).astype(np.float32)
SUM = X[:, 0] - X[:, 1] * X[:, 2] + X[:, 3]
NAMES = list("abcde")
FRAME = pd.DataFrame(X, columns=NAMES)


def train(table):
    model = catboost.CatBoostRegressor(iterations=30, depth=4, verbose=0, thread_count=1, allow_writing_files=False)
    return model.fit(table, SUM)


@pytest.fixture(scope="module")
def unnamed():
    model = train(X[:, :4])
    return model, perfcore.compile(model)


@pytest.fixture(scope="module")
def named():
    model = train(FRAME[NAMES[:4]])
    return model, perfcore.compile(model)


WHOLE = (X * 3).astype(np.int64)
LARGE = np.array([[2**24 + 1, 2**60 + 2**36 + 1, -5, 2**53 + 1], [2**63 - 1, -(2**63), 2**40 + 2**16 + 1, 7]])
ARRAYS = {
    "float64": X.astype(np.float64),
    "columns": np.asfortranarray(X),
    "every other": np.repeat(X, 2, axis=1)[:, ::2],
    "rows backwards": X[::-1],
    "float16": X.astype(np.float16),
    "longdouble": X.astype(np.longdouble) / 3,
    "big endian": X.astype(">f4"),
    "big endian double": (X / np.float64(3)).astype(">f8"),
    "bool": X > 0,
    "uint8": (X * 3).astype(np.uint8),
    "int64": WHOLE,
    "large": LARGE,
    "large unsigned": LARGE.astype(np.uint64),
    "objects": X.astype(object),
    "large objects": LARGE.astype(object),
    "none": np.array([[None, 1, 2.5, True]] * 3, object),
    "list": X.tolist(),
    "list of arrays": list(X),
    "list of large": LARGE.tolist(),
    "list of small": [[1, 2, 3, 4], [True, 0.5, None, np.float32(0.1)]],
    "huge": X.astype(np.float64) * 1e300,
    "no rows": X[:0],
    "wider": np.column_stack([X, X]),
    "matrix": np.asmatrix(X),
    "read-only": np.frombuffer(X.tobytes(), np.float32).reshape(X.shape),
    "not aligned": np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(X.shape),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("model", ["unnamed", "named"])
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_arrays_and_lists(model, kind, request, assert_same_bits):
    model, fast = request.getfixturevalue(model)
    assert_same_bits(model.predict(ARRAYS[kind]), fast.predict(ARRAYS[kind]))


def nullable(dtype, fill):
    frame = pd.DataFrame(WHOLE, columns=NAMES).astype({"a": dtype})
    frame.loc[3, "a"] = fill
    return frame


FRAMES = {
    "as trained": FRAME,
    "double": FRAME.astype(np.float64) / 3,
    "backwards": FRAME[NAMES[::-1]],
    "one more in front": FRAME.assign(z=1.0)[["z", *NAMES]],
    "without the unused": FRAME[NAMES[:4]],
    "blocks": pd.concat([FRAME[["a"]], FRAME[["b", "c", "d", "e"]].astype(np.float64)], axis=1),
    "column by column": pd.DataFrame({name: X[:, j] for j, name in enumerate(NAMES)}),
    "whole": pd.DataFrame(WHOLE, columns=NAMES),
    "large": pd.DataFrame(np.column_stack([LARGE, LARGE[:, 0]]), columns=NAMES),
    "large beside double": pd.DataFrame(np.column_stack([LARGE, LARGE[:, 0]]), columns=NAMES).astype({"b": float}),
    "bool": FRAME > 0,
    "objects": FRAME.astype({"a": object}),
    "Int64": nullable("Int64", pd.NA),
    "Float64": nullable("Float64", pd.NA),
    "Float32": nullable("Float32", pd.NA),
    "boolean": (FRAME > 0).astype("boolean"),
    "sparse": FRAME.round().astype(pd.SparseDtype("float32", 0.0)),
    "no rows": FRAME[:0],
    "other index": FRAME.set_index(FRAME.index[::-1]),
    "long": pd.concat([FRAME] * 50, ignore_index=True),
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("model", ["unnamed", "named"])
def test_frames(model, kind, request, assert_same_bits):
    model, fast = request.getfixturevalue(model)
    assert_same_bits(model.predict(FRAMES[kind]), fast.predict(FRAMES[kind]))


REFUSED = {
    "too narrow": X[:, :3],
    "no columns": X[:, :0],
    "three dimensions": X[None],
    "text": X.astype(str).astype(object) + "x",
    "tuple": tuple(map(tuple, X)),
    "too narrow a frame": FRAME[["a", "b", "c"]],
    "the same name twice": FRAME.assign(z=1.0).rename(columns={"z": "a"}),
    "category": FRAME.assign(a=pd.Categorical(WHOLE[:, 0])),
    "text in a frame": FRAME.assign(a="x"),
    "boolean with NA": (FRAME > 0).astype("boolean").mask(FRAME > 1),
    "boolean with NA, unused": FRAME.assign(e=pd.array([True, pd.NA] * 200, "boolean")),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("model", ["unnamed", "named"])
def test_what_catboost_refuses(model, kind, request):
    model, fast = request.getfixturevalue(model)
    with pytest.raises((catboost.CatBoostError, TypeError)):
        model.predict(REFUSED[kind])
    with pytest.raises(perfcore.InputError):
        fast.predict(REFUSED[kind])


def test_other_names_are_refused(named):
    model, fast = named
    other = FRAME.rename(columns={"b": "q"})
    with pytest.raises(catboost.CatBoostError, match="At position 1 should be feature with name b"):
        model.predict(other)
    with pytest.raises(perfcore.InputError, match="at position 1 should be feature with name b"):
        fast.predict(other)


def test_a_pool_is_refused_clearly(unnamed):
    with pytest.raises(perfcore.InputError, match="Pool; pass the table that it was made from"):
        unnamed[1].predict(catboost.Pool(X))


def test_one_row(named, assert_same_bits):
    model, fast = named
    for i in range(30):
        expected = model.predict(X[i : i + 1, :4])[0]
        row = FRAME.iloc[i, :4]
        for given in (X[i, :4], X[i, :4].astype(np.float64), X[i, :4].tolist(), dict(row), row[::-1]):
            assert_same_bits(expected, fast.predict_one(given))
    expected = model.predict(np.array([[None, 2**60, True, -0.5]], object))[0]
    assert_same_bits(expected, fast.predict_one([None, 2**60, True, -0.5]))
    for wrong in (X[0, :3], "abcd", ["x"] * 4, {"a": 1.0}, {**row, "z": 1.0}, None, X[:1, :4]):
        with pytest.raises(perfcore.InputError):
            fast.predict_one(wrong)
