"""The ``.pcore`` file: what goes in comes out, and nothing else is let in."""

import copy
import json
import math
import os
import pickle
import stat
import struct
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import perfcore
from perfcore import ModelFormatError
from perfcore.answers.sklearn import BoostingAnswers, TreeAnswers
from perfcore.answers.sklearn_bayes import BayesAnswers, DiscriminantAnswers
from perfcore.answers.sklearn_ensembles import IsolationAnswers, MedianAnswers, VoteAnswers
from perfcore.answers.sklearn_linear import LinearAnswers
from perfcore.answers.sklearn_network import NetworkAnswers
from perfcore.answers.xgboost import XGBoostAnswers
from perfcore.files import replace_file
from perfcore.inputs.sklearn import CategoryInputs, LinearInputs, NumericInputs
from perfcore.inputs.xgboost import XGBoostInputs
from perfcore.model import DiagonalGaussians, Forest, Gaussians, Linear, Model, Network, OrderedSum, Tree
from perfcore.model import file as pcore
from perfcore.model.codec import Decoder, Encoder
from perfcore.predictor import Predictor

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names", "ignore::RuntimeWarning")

ODD = [0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1e-35, 2.0**53 + 2]


def linear_tree():
    return Tree(
        feature=np.array([0, 1]),
        threshold=np.array([0.5, -0.0]),
        left=np.array([~0, ~1]),
        right=np.array([1, ~2]),
        flags=np.array([1, 0]),
        value=np.array([1.0, 2.0, 3.0]),
        linear=[(0.5, np.array([0]), np.array([2.0])), (0.1, np.array([]), np.array([])), (0.2, [1, 0], [4.0, 5.0])],
    )


def category_tree():
    return Tree(
        feature=np.array([1]),
        threshold=np.array([0.0]),
        left=np.array([~0]),
        right=np.array([~1]),
        flags=np.array([4 | 8]),
        value=np.array([0.25, -0.75]),
        sets={0: np.array([0b1010, 0b1], np.uint32)},
    )


def forest_model(**changes):
    forest = Forest.from_trees(
        [linear_tree(), category_tree()], n_features=2, n_outputs=1, precision="float64", dtype="float64", base=0.1
    )
    inputs = NumericInputs(2, ("width", "höhe\ud800"), "DecisionTreeRegressor", "float64", "anything")
    return replace(Model(forest, inputs, TreeAnswers((), None), "tests"), **changes)


def category_model():
    forest = Forest.from_trees([category_tree()], n_features=2, n_outputs=1, precision="float64", dtype="float64")
    known = np.array(["a", None, 3, 2.5, True], object)
    inputs = CategoryInputs(2, None, (None, known))
    return Model(forest, inputs, BoostingAnswers(np.array(["no", "yes"]), "logit", True, 1), "tests")


def linear_model(order="F"):
    coef = np.array([[0.1, 0.2, 0.3], [1.0, -2.0, 5e-324]], order=order)
    return Model(
        Linear(coef, np.array([0.5, 0.25])), LinearInputs(3, None, "Ridge"), LinearAnswers(None), "sklearn.Ridge"
    )


def votes_model():
    forest = Forest.from_trees([category_tree()], n_features=2, n_outputs=1, precision="float64", dtype="float64")
    inputs = NumericInputs(2, None, "AdaBoostClassifier", "float64", "finite", of_members=True, unread=(1,))
    return Model(forest, inputs, VoteAnswers(np.array(["no", "yes"]), 2.5), "tests")


def network_model():
    layers = (np.array([[0.1, -0.2], [1.0, 5e-324]], order="F"), np.array([[0.5], [-1.0]]))
    body = Network(layers, (np.array([0.0, -0.0]), np.array([0.25])), "logistic")
    answers = NetworkAnswers(np.array(["no", "yes"]), "logistic")
    return Model(body, LinearInputs(2, None, "MLPClassifier"), answers, "tests")


def gaussian_model():
    body = DiagonalGaussians(np.array([0.25, 0.75]), np.array([[0.0, 1.0], [2.0, 3.0]]), np.full((2, 2), 0.5))
    return Model(body, LinearInputs(2, None, "GaussianNB"), BayesAnswers(np.array([3, 7])), "tests")


def discriminant_model():
    axes = (np.array([[0.6, 0.8], [-0.8, 0.6]], order="F"), np.eye(2))
    body = Gaussians(np.full(2, 0.5), np.array([[0.0, 1.0], [2.0, 3.0]]), axes, (np.ones(2), np.array([0.5, 2.0])))
    inputs = LinearInputs(2, None, "QuadraticDiscriminantAnalysis")
    return Model(body, inputs, DiscriminantAnswers(np.array([3, 7])), "tests")


def sum_model():
    body = OrderedSum(np.array([0.5, -0.0], np.float32), np.array([[1, 2], [3, 4], [-1, 0]], np.float32), 0.0)
    return Model(body, XGBoostInputs(3, None, True), XGBoostAnswers("softmax", 2, methods=("predict",)), "tests")


MODELS = {
    "forest": forest_model,
    "categories": category_model,
    "votes": votes_model,
    "linear": linear_model,
    "network": network_model,
    "gaussians": gaussian_model,
    "discriminant": discriminant_model,
    "sum": sum_model,
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pcore"


def assert_same(a, b):
    """The same types, bits and layouts, all the way down."""
    assert type(a) is type(b)
    if hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    elif isinstance(a, np.ndarray):
        assert (a.dtype, a.shape, a.flags.f_contiguous) == (b.dtype, b.shape, b.flags.f_contiguous)
        if a.dtype == object:
            for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True):
                assert_same(x, y)
        else:
            assert a.tobytes() == b.tobytes()
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, dict):
        assert_same(list(a.items()), list(b.items()))
    elif isinstance(a, float):
        assert struct.pack("d", a) == struct.pack("d", b)
    else:
        assert a == b


def through(value):
    """A value encoded, printed, parsed and decoded."""
    encoder = Encoder()
    tree = json.loads(json.dumps(encoder.encode(value), allow_nan=False))
    data = bytearray(encoder.size)
    for at, array in encoder.arrays:
        data[at : at + array.nbytes] = array.tobytes()
    decoder = Decoder(memoryview(bytes(data)), 0)
    decoded = decoder.decode(tree)
    decoder.check_spans()
    return decoded


# -- what goes in comes out --------------------------------------------------------------------------------


def test_a_saved_model_comes_back_whole(model, path):
    pcore.write_model(model, path)
    assert_same(pcore.read_model(path), model)
    assert_same(pcore.from_bytes(pcore.to_bytes(model)), model)
    assert path.read_bytes() == pcore.to_bytes(model)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_plain_values_come_back_with_their_types(value):
    assert_same(through(value), value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(ODD),
        np.array([0.1, -0.0, 1e-45, math.inf, -math.inf, math.nan], np.float32),
        np.array([1.5, -0.0], np.float16),
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24, dtype=">u2").reshape(2, 3, 4),
        np.array([[True, False]]),
        np.array(["", "žluť", "\U0001f600"]),
        np.array([b"ab", b""]),
        np.array(7, np.int64),
        np.empty((0, 3)),
        np.empty((3, 0), np.float32, order="F"),
        np.array([None, True, 2, math.nan, "x"], object),
        np.array([["a", 1.5]], object),
        np.array([], object),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_arrays_come_back_with_dtype_shape_and_order(array):
    assert_same(through(array), array)


def test_a_strided_array_comes_back_plain():
    assert_same(through(np.arange(10.0)[::-3]), np.array([9.0, 6.0, 3.0, 0.0]))


@pytest.mark.parametrize("scalar", [np.float32(0.1), np.float64(math.nan), np.int64(-5), np.bool_(True)])
def test_numpy_scalars_come_back(scalar):
    back = through(scalar)
    assert type(back) is type(scalar) and back.tobytes() == scalar.tobytes()


def test_a_nan_keeps_its_bits():
    odd = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
    assert struct.pack(">d", through(odd)).hex() == "fff8000000000123"


class Innocent:
    def __reduce__(self):
        raise AssertionError("nothing may be pickled")


@pytest.mark.parametrize(
    "value",
    [
        Innocent(), object, len, lambda: 0, {1, 2}, b"bytes", 1j, 2**200, range(3), np.array([1j]),
        np.array([Innocent()], object), np.zeros(2, "datetime64[s]"), np.zeros(1, [("a", "f8")]), [[Innocent()]],
        np.array(["2020"], "M8[s]")[0],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_plain_value_is_refused(value):
    with pytest.raises(TypeError, match="cannot be saved"):
        Encoder().encode(value)


def test_a_field_of_the_wrong_type_is_refused_when_saved():
    inputs = NumericInputs(2, ["not", "a tuple"], "X", "float64", "anything")
    with pytest.raises(TypeError, match="feature_names"):
        pcore.to_bytes(forest_model(inputs=inputs))


# -- the file on the disk ------------------------------------------------------------------------------------


def test_arrays_are_aligned_read_only_views_of_the_map(path):
    pcore.write_model(forest_model(), path)
    forest = pcore.read_model(path).body
    for name in ("feature", "threshold", "left", "value", "label", "set_words"):
        array = getattr(forest, name)
        assert array.ctypes.data % 64 == 0 and not array.flags.writeable and not array.flags.owndata
        with pytest.raises(ValueError, match="read-only|WRITEABLE"):
            array.flags.writeable = True


def test_a_loaded_model_outlives_its_file(path):
    pcore.write_model(forest_model(), path)
    fast = perfcore.load(path)
    before = fast.predict(np.array([[0.1, 3.0], [0.9, 7.0]]))
    pcore.write_model(category_model(), path)  # replaced
    path.unlink()  # and gone
    assert fast.predict(np.array([[0.1, 3.0], [0.9, 7.0]])).tobytes() == before.tobytes()


def test_saving_over_the_file_one_was_loaded_from_keeps_both(path):
    pcore.write_model(forest_model(), path)
    fast = perfcore.load(path)
    fast.save(path)
    assert perfcore.load(path).fingerprint == fast.fingerprint


def test_a_failed_save_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    pcore.write_model(forest_model(), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        pcore.write_model(forest_model(origin=b"bytes"), path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        pcore.write_model(linear_model(), path)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_saving_into_no_folder_says_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        pcore.write_model(forest_model(), tmp_path / "absent" / "model.pcore")


@pytest.mark.parametrize("given", [None, 3, b"model.pcore", ["model.pcore"]])
def test_what_is_no_path_is_named(given, path):
    pcore.write_model(forest_model(), path)
    for use in (perfcore.load, perfcore.load(path).save):
        with pytest.raises(TypeError, match=f"path of a .pcore file, .* got {type(given).__name__}"):
            use(given)


posix_alone = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")


@posix_alone
def test_permissions_follow_the_umask_and_a_link_stays_a_link(path):
    old = os.umask(0o027)
    try:
        pcore.write_model(forest_model(), path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    link = path.parent / "link.pcore"
    link.symlink_to(path.name)
    pcore.write_model(linear_model(), link)
    assert link.is_symlink() and pcore.fingerprint(pcore.read_model(path)) == pcore.fingerprint(linear_model())


@posix_alone
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o664])
def test_a_file_that_others_may_not_read_is_written_aside_as_such(mode, path):
    path.write_bytes(b"old")
    path.chmod(mode)
    aside = []

    def pieces():
        aside.extend(stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir() if each != path)
        yield b"new"

    old = os.umask(0o022)
    try:
        replace_file(path, pieces())
    finally:
        os.umask(old)
    assert aside == [mode & ~0o022] and stat.S_IMODE(path.stat().st_mode) == mode and path.read_bytes() == b"new"


def test_many_writers_leave_one_whole_file(path):
    models = [forest_model(), linear_model(), category_model()]
    threads = [threading.Thread(target=pcore.write_model, args=(model, path)) for model in models * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in [pcore.to_bytes(model) for model in models]
    assert os.listdir(path.parent) == [path.name]


# -- damage ------------------------------------------------------------------------------------------------


def refused(data):
    with pytest.raises(ModelFormatError) as caught:
        pcore.from_bytes(bytes(data))
    assert "byte" in str(caught.value)
    return str(caught.value)


def test_a_file_cut_anywhere_is_refused(model):
    data = pcore.to_bytes(model)
    for end in range(len(data)):
        refused(data[:end])


def test_a_file_with_any_byte_changed_is_refused(model):
    data = bytearray(pcore.to_bytes(model))
    for at in range(len(data)):
        for flip in (0x01, 0x80):
            data[at] ^= flip
            refused(data)
            data[at] ^= flip


def test_a_file_with_more_behind_it_is_refused(model):
    refused(pcore.to_bytes(model) + b"\0")


def test_an_error_names_the_file(path):
    path.write_bytes(b"tree\nversion=v4\n")
    with pytest.raises(ModelFormatError, match=r"model\.pcore: byte 0: no perfcore file.* CatBoost"):
        perfcore.load(path)
    path.write_bytes(b"")
    with pytest.raises(ModelFormatError, match="byte 0"):
        perfcore.load(path)


def test_a_newer_file_is_refused_as_newer():
    data = bytearray(pcore.to_bytes(forest_model()))
    data[6] = 2
    assert "protocol 2" in refused(data) and "newer" in refused(data)


# -- forgery: the checksum is right, the content is not ---------------------------------------------------------


def parts(model):
    data = pcore.to_bytes(model)
    (length,) = struct.unpack_from("<Q", data, 8)
    return json.loads(data[64 : 64 + length]), data[64 + length :]


def sealed(header, arrays=b""):
    """A file with this header and these arrays, and a checksum that fits them."""
    if not isinstance(header, bytes):
        header = json.dumps(header).encode()
    header += b" " * (-len(header) % 64)
    prefix = struct.pack("<6sHQQQ", b"\x93PCORE", 1, len(header), 64 + len(header) + len(arrays), 0)
    return prefix + pcore._checksum(prefix, [header, arrays]) + header + arrays


def test_a_resealed_file_is_sound():
    assert_same(pcore.from_bytes(sealed(*parts(forest_model()))), forest_model())


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b"[Infinity]",
        b"[" * 100_000,
        b"[" * 100 + b"]" * 100,
        b"9" * 10_000,
        b"1" + b"0" * 60,
        b"null",
        b"[]",
        b'"model"',
        b"{}",
        b'{"object": "model"}',
        b'{"object": "model", "fields": []}',
        b'{"object": "model", "fields": {}}',
        b'{"object": ["model"], "fields": {}}',
        b'{"object": "os.system", "fields": {}}',
        b'{"object": "perfcore.model.Model", "fields": {}}',
        b'{"float": "7ff8"}',
        b'{"float": "zzzzzzzzzzzzzzzz"}',
        b'{"float": 1}',
        b'{"tuple": 1}',
        b'{"tuple": {"tuple": {"tuple": 1}}}',
        b'{"dict": [[1]]}',
        b'{"dict": [[[], 1]]}',
        b'{"dict": 1}',
        b'{"scalar": "<f8", "bits": "00"}',
        b'{"scalar": "O", "bits": "0000000000000000"}',
        b'{"scalar": "|b1", "bits": "07"}',
        b'{"objects": [1], "shape": [2]}',
        b'{"objects": [[1]], "shape": [1]}',
        b'{"objects": 1, "shape": [1]}',
        b'{"objects": [], "shape": [0, 1e9]}',
        b'{"objects": [], "shape": [0, 99999999999999999999]}',
    ],
)
def test_a_forged_header_is_refused(header):
    refused(sealed(header))


@pytest.mark.parametrize(
    "record",
    [
        {"array": "O"},
        {"array": "<f8,<f8"},
        {"array": "<U1000000000"},
        {"array": "<U0"},
        {"array": "<f16"},
        {"array": "<M8[s]"},
        {"array": "|V8"},
        {"array": None},
        {"array": ["<f8"]},
        {"shape": [-1]},
        {"shape": [2**62]},
        {"shape": [2**40, 2**40]},
        {"shape": [0, 2**60]},
        {"shape": [1] * 9},
        {"shape": [True]},
        {"shape": [1.0]},
        {"shape": 8},
        {"shape": [9]},
        {"at": -64},
        {"at": 8},
        {"at": 64},
        {"at": 2**63},
        {"at": "0"},
        {"at": None},
        {"order": "K"},
        {"order": ["C"]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_forged_array_is_refused(record):
    good = {"array": "<f8", "shape": [8], "at": 0, "order": "C"}
    assert "not a model" in refused(sealed(good, bytes(64)))
    assert "not a model" not in refused(sealed(good | record, bytes(64)))


def test_arrays_that_overlap_are_refused():
    one = {"array": "<f8", "shape": [9], "at": 0, "order": "C"}
    assert "overlap" in refused(sealed([one, one | {"at": 64}], bytes(192)))


@pytest.mark.parametrize(
    ("dtype", "data"), [("|b1", b"\x02"), ("<U1", b"\xff\xff\xff\x7f"), (">U1", b"\x00\xff\x00\x00")]
)
def test_bytes_that_are_no_value_of_their_type_are_refused(dtype, data):
    refused(sealed({"array": dtype, "shape": [1], "at": 0, "order": "C"}, data.ljust(64, b"\0")))


def field_paths(tree, path=()):
    """Every place in a header, as the keys that lead there."""
    yield path
    if isinstance(tree, dict | list):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield from field_paths(tree[key], (*path, key))


FORGERIES = [
    None,
    True,
    -1,
    0,
    1,
    3,
    2**40,
    0.5,
    "x",
    [],
    {},
    {"tuple": []},
    {"dict": []},
    {"float": "7ff8000000000000"},
]


def test_a_header_with_any_one_value_forged_is_refused_or_answers(model):
    """Whatever is put where, a file is refused as damaged, or makes a predictor that can be asked safely."""
    header, arrays = parts(model)
    text = json.dumps(header)
    outcomes = {"refused": 0, "loaded": 0}
    for path in list(field_paths(header))[1:]:
        for forged in FORGERIES:
            tree = json.loads(text)
            spot = tree
            for key in path[:-1]:
                spot = spot[key]
            spot[path[-1]] = forged
            try:
                loaded = pcore.from_bytes(sealed(tree, arrays))
            except ModelFormatError:
                outcomes["refused"] += 1
                continue
            outcomes["loaded"] += 1
            ask(loaded)
    assert outcomes["refused"] > outcomes["loaded"] > 0  # what loads: other names, numbers, labels


def ask(model):
    fast = Predictor(model)
    X = np.zeros((2, fast.n_features_in_))
    for method in ("predict", "predict_raw", "apply"):
        if hasattr(fast, method):
            try:
                getattr(fast, method)(X)
            except (ValueError, TypeError):  # a Python error is an answer; only a crash is none
                pass


@given(st.data())
def test_arrays_with_forged_numbers_are_refused_or_answer(data):
    """Bytes of the arrays changed at random under a right checksum: never a read out of bounds."""
    header, arrays = parts(data.draw(st.sampled_from([forest_model(), category_model()])))
    arrays = bytearray(arrays)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(arrays) // 4 - 1)) * 4
        value = data.draw(st.sampled_from([-(2**31), -2, -1, 0, 1, 2, 3, 7, 2**31 - 1]) | st.integers(-9, 9))
        struct.pack_into("<i", arrays, at, value)
    try:
        model = pcore.from_bytes(sealed(header, bytes(arrays)))
    except ModelFormatError:
        return
    ask(model)


def test_parts_that_do_not_fit_one_another_are_refused():
    model = forest_model()
    with pytest.raises(ModelFormatError, match="features"):
        replace(model, inputs=NumericInputs(3, None, "X", "float64", "anything"))
    with pytest.raises(ModelFormatError, match="names"):
        replace(model, inputs=NumericInputs(2, ("one",), "X", "float64", "anything"))
    with pytest.raises(ModelFormatError, match="categories"):
        replace(category_model(), inputs=CategoryInputs(2, None, (None,)))
    with pytest.raises(ModelFormatError, match="answers"):
        replace(category_model(), answers=BoostingAnswers(np.array(["only"]), "logit", True, 1))
    with pytest.raises(ModelFormatError, match="unread columns"):
        NumericInputs(2, None, "X", "float64", "anything", unread=(2,))
    two = Forest.from_trees([], n_features=2, n_outputs=2, precision="float64", dtype="float64")
    for answers in (
        IsolationAnswers(1.0, 0.0),
        VoteAnswers(np.array([0, 1]), 1.0),
        VoteAnswers(np.array([0]), 1.0),
        MedianAnswers(np.ones(1)),
        MedianAnswers(np.ones((2, 2))),
        MedianAnswers(np.array(["a", "b"])),
    ):
        with pytest.raises(ModelFormatError, match="answers"):
            replace(model, body=two, answers=answers)


# -- pickles, copies and fingerprints ----------------------------------------------------------------------------


def test_pickles_hold_no_classes_but_ours():
    fast = Predictor(forest_model(), n_threads=2)
    back = pickle.loads(pickle.dumps(fast))
    X = np.array([[0.1, 3.0], [np.nan, 1.0]])
    assert back.predict(X).tobytes() == fast.predict(X).tobytes()
    assert (back.fingerprint, back.n_threads) == (fast.fingerprint, 2)
    assert pickle.dumps(back) == pickle.dumps(fast)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol_works(protocol):
    fast = Predictor(linear_model())
    assert pickle.loads(pickle.dumps(fast, protocol)).fingerprint == fast.fingerprint


@pytest.mark.parametrize("name", ["predict", "predict_one", "predict_proba", "predict_proba_one", "apply"])
@pytest.mark.parametrize("make", [forest_model, linear_model])
def test_bound_methods_are_pickled_as_their_predictor_and_their_name(make, name):
    fast = Predictor(make(), n_threads=2)
    if not hasattr(fast, name):
        pytest.skip("the source has no such method")
    method = getattr(fast, name)
    back = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(method))))
    X = np.zeros((5, fast.n_features_in_))
    x = X[0] if name.endswith("_one") else X
    for each in (back, copy.copy(method), copy.deepcopy(method)):
        assert type(each.__self__) is type(method.__self__) and np.array_equal(each(x), method(x))


def test_fingerprints_follow_content_and_nothing_else(model):
    digest = pcore.fingerprint(model)
    assert len(digest) == 32 and pcore.fingerprint(replace(model, origin="elsewhere")) == digest
    others = {pcore.fingerprint(make()) for make in MODELS.values()}
    assert len(others) == len(MODELS) and digest in others
    assert pcore.fingerprint(linear_model("C")) != pcore.fingerprint(linear_model("F"))


def test_a_fingerprint_is_the_same_in_another_process(model, path):
    pcore.write_model(model, path)
    code = "import sys, perfcore; print(perfcore.load(sys.argv[1]).fingerprint)"
    env = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == pcore.fingerprint(model)


def test_one_changed_bit_changes_the_fingerprint():
    model = forest_model()
    threshold = model.body.threshold.copy()
    threshold[0] = np.nextafter(threshold[0], 1)
    assert pcore.fingerprint(replace(model, body=replace(model.body, threshold=threshold))) != pcore.fingerprint(model)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_what_never_changes_is_itself(copied):
    fast = Predictor(forest_model())
    assert copied(fast) is fast
    assert copied([fast])[0] is fast


def test_a_predictor_cannot_be_changed():
    fast = Predictor(forest_model())
    for change in (
        lambda: setattr(fast, "n_threads", 4),
        lambda: setattr(fast, "anything", 4),
        lambda: delattr(fast, "_model"),
        lambda: setattr(fast._model, "origin", "elsewhere"),
        lambda: fast._model.body.value.__setitem__(0, 1.0),
        lambda: Predictor(category_model()).classes_.__setitem__(0, "maybe"),
        lambda: Predictor(linear_model())._model.body.coef.__setitem__(0, 1.0),
        lambda: Predictor(linear_model())._model.body.intercept.__setitem__(0, 1.0),
    ):
        with pytest.raises((AttributeError, ValueError)):
            change()


def test_joblib_dumps_and_loads(path):
    joblib = pytest.importorskip("joblib")
    fast = Predictor(category_model())
    joblib.dump(fast, path)
    assert joblib.load(path).fingerprint == fast.fingerprint


def test_printing_tells_what_it_is():
    text = str(Predictor(forest_model()))
    for part in ("of tests", "2 with 5 leaves, depth 2", "kernel", "instruction set", "bytes", "fingerprint"):
        assert part in text
    assert "BLAS" in str(Predictor(linear_model())) and "sklearn.Ridge" in repr(Predictor(linear_model()))
