"""The Arrow batch function: the same bits for any split, sent to other processes, its columns known in advance."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm_texts import grow, model_text
from process_jobs import most_threads

import perfcore
from perfcore import ConfigurationError, InputError, ModelFormatError

N_ROWS, NAMES = 700, ["f0", "f1", "f2", "f3"]


def lightgbm_file(path, n_outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    trees = [grow(rng, 15, "random", len(NAMES), False, False) for _ in range(12)]
    text = model_text(
        trees, len(NAMES), f"multiclass num_class:{n_outputs}" if n_outputs > 1 else "binary sigmoid:1", n_outputs
    )
    path.write_text(text.replace("Column_", "f"))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, n_outputs in (("binary", 1), ("classes", 3)):
        perfcore.compile(lightgbm_file(folder / f"{name}.txt", n_outputs)).save(folder / f"{name}.pcore")
    return folder


@pytest.fixture(scope="module")
def table():
    """Feature columns among others and in another order, of several types, with nulls in some places alone."""
    rng = np.random.default_rng(5)
    whole = pyarrow.array([None if i in (3, 600) else i % 5 for i in range(N_ROWS)], pyarrow.int16())
    return pyarrow.table(
        {
            "id": pyarrow.array(np.arange(N_ROWS)),
            "f2": whole,
            "f0": rng.normal(size=N_ROWS),
            "text": ["a", None] * (N_ROWS // 2),
            "f1": rng.normal(size=N_ROWS).astype(np.float32),
            "f3": pyarrow.array(rng.normal(size=N_ROWS), mask=rng.random(N_ROWS) < 0.1),
        }
    )


def numbers(column):
    """The bytes of a column's numbers, in lists or not."""
    values = column.combine_chunks()
    values = values.flatten() if pyarrow.types.is_list(values.type) else values
    return values.to_numpy(zero_copy_only=False).tobytes()


@pytest.mark.parametrize("method", ["predict", "predict_raw", "apply"])
@pytest.mark.parametrize("model", ["binary", "classes"])
def test_a_batch_gets_the_answers_of_the_method(model, method, folder, table):
    fast = perfcore.load(folder / f"{model}.pcore")
    answer = perfcore.batch_function(folder / f"{model}.pcore", method)
    found, expected = answer(table), getattr(fast, method)(table.select(NAMES))
    assert found.drop_columns([method]).equals(table)
    assert numbers(found[method]) == expected.tobytes()
    one = pyarrow.from_numpy_dtype(expected.dtype)
    assert found.schema.field(method).type == (one if expected.ndim == 1 else pyarrow.list_(one))
    assert answer.schema(table.schema) == found.schema and answer.field == found.schema.field(method)
    batch = table.to_batches()[0]
    assert isinstance(answer(batch), pyarrow.RecordBatch) and answer(batch).equals(found.to_batches()[0])


@given(cuts=st.lists(st.integers(0, N_ROWS), max_size=12), by_table=st.booleans())
def test_any_split_gives_the_same_bits(cuts, by_table, folder, table):
    answer = perfcore.batch_function(folder / "classes.pcore", keep=["id"])
    ends = [0, *sorted(cuts), N_ROWS]
    parts = [table.slice(a, b - a).combine_chunks() for a, b in zip(ends[:-1], ends[1:], strict=True)]
    if by_table:
        found = pyarrow.concat_tables(map(answer, parts))
    else:
        empty = pyarrow.RecordBatch.from_pylist([], table.schema)
        parts = [batch for part in parts for batch in part.to_batches() or [empty]]
        found = pyarrow.Table.from_batches(map(answer, parts))
    assert found["id"].to_pylist() == list(range(N_ROWS))
    assert numbers(found["predict"]) == numbers(answer(table)["predict"])


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_labels_are_a_column_of_their_own_type():
    tree = pytest.importorskip("sklearn.tree")
    X = np.random.default_rng(0).normal(size=(60, 2))
    table = pyarrow.table({"a": X[:, 0], "b": X[:, 1]})
    for labels in (["no", "yes"], [3, 7], [False, True]):
        model = tree.DecisionTreeClassifier().fit(X, np.array(labels)[(X[:, 0] > 0).astype(int)])
        fast = perfcore.compile(model)
        found = perfcore.batch_function(fast, columns=["a", "b"], keep=(), name="label")(table)
        assert found.column_names == ["label"] and found["label"].to_pylist() == model.predict(X).tolist()
        proba = perfcore.batch_function(fast, "predict_proba", columns=["a", "b"])(table)
        assert numbers(proba["predict_proba"]) == model.predict_proba(X).tobytes()


def test_a_model_without_names_reads_the_columns_named(folder, tmp_path, table):
    path = tmp_path / "model.txt"
    path.write_text((folder / "binary.txt").read_text().replace("feature_names=f0 f1 f2 f3", _unnamed()))
    fast = perfcore.compile(path)
    expected = numbers(perfcore.batch_function(folder / "binary.pcore")(table)["predict"])
    assert numbers(perfcore.batch_function(fast, columns=NAMES)(table)["predict"]) == expected
    with pytest.raises(ConfigurationError, match="without names, so columns= must name the 4 columns"):
        perfcore.batch_function(fast)


def _unnamed():
    return "feature_names=" + " ".join(f"Column_{i}" for i in range(len(NAMES)))


def test_no_rows_are_answered_by_none(folder, table):
    for method in ("predict", "apply"):
        answer = perfcore.batch_function(folder / "classes.pcore", method)
        assert answer(table.slice(0, 0)).schema == answer(table).schema
        assert answer(pyarrow.RecordBatch.from_pylist([], table.schema)).num_rows == 0


# -- sent elsewhere ----------------------------------------------------------------------------------------


def test_by_path_only_the_path_is_sent_and_a_process_opens_it_once(folder, table):
    answer = perfcore.batch_function(os.path.relpath(folder / "binary.pcore"), keep=["id"], name="score")
    sent = pickle.dumps(answer)
    assert len(sent) < 1000
    first, second = pickle.loads(sent), pickle.loads(sent)
    assert first._predictor is second._predictor
    assert first(table).equals(answer(table)) and first.field == answer.field


def test_by_predictor_the_model_is_sent(folder, table, tmp_path):
    copy = tmp_path / "model.pcore"
    copy.write_bytes((folder / "binary.pcore").read_bytes())
    answer = perfcore.batch_function(perfcore.load(copy), n_threads=2)
    sent = pickle.dumps(answer)
    copy.unlink()
    assert pickle.loads(sent)(table).equals(answer(table))


def test_a_file_that_holds_another_model_by_now_is_refused(folder, tmp_path):
    path = tmp_path / "model.pcore"
    perfcore.load(folder / "binary.pcore").save(path)
    sent = pickle.dumps(perfcore.batch_function(path))
    perfcore.load(folder / "binary.pcore").save(path)
    pickle.loads(sent)  # the same model in a new file
    perfcore.load(folder / "classes.pcore").save(path)
    with pytest.raises(ModelFormatError, match="another model"):
        pickle.loads(sent)


def test_another_process_needs_no_framework(folder, table, tmp_path):
    answer = perfcore.batch_function(folder / "binary.pcore")
    (tmp_path / "sent").write_bytes(pickle.dumps((answer, table)))
    code = "import pickle, sys; answer, table = pickle.load(open('sent', 'rb')); found = answer(table)['predict']\n"
    code += "assert not {'lightgbm', 'sklearn'} & sys.modules.keys(); print(hash(tuple(found.to_pylist())))"
    source = os.path.dirname(os.path.dirname(perfcore.__file__))
    environment = os.environ | {"PYTHONPATH": source}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == str(hash(tuple(answer(table)["predict"].to_pylist()))), done.stderr


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted under /proc")
def test_a_call_takes_no_thread_of_its_own_unless_told(folder, table):
    large = pyarrow.concat_tables([table] * 300).combine_chunks()
    alone = len(os.listdir("/proc/self/task"))
    answer = perfcore.batch_function(folder / "binary.pcore")
    assert most_threads(answer(large) for _ in range(5)) == alone + 1


# -- refused -----------------------------------------------------------------------------------------------


def test_what_cannot_be_made_says_why(folder):
    path = folder / "binary.pcore"
    for arguments, said in (
        ({"method": "predict_proba"}, "answers predict, predict_raw, apply"),
        ({"method": "fit"}, "method='fit'"),
        ({"columns": ["f0"]}, "1 names for 4 features"),
        ({"columns": "abcd"}, "columns='abcd': expected a list of column names"),
        ({"columns": 4}, "columns=4: expected a list"),
        ({"columns": [0, 1, 2, 3]}, r"columns=\[0, 1, 2, 3\]: expected strings"),
        ({"columns": ["f0", "f0", "f1", "f2"]}, "each once"),
        ({"keep": "id"}, "keep='id': expected a list"),
        ({"keep": ["id", "id"]}, "each once"),
        ({"name": 3}, "name=3: expected a string"),
        ({"n_threads": 0}, "n_threads=0"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            perfcore.batch_function(path, **arguments)


def test_what_is_neither_predictor_nor_path_is_named():
    for model in (None, 3, b"model.pcore", object):
        with pytest.raises(TypeError, match=f"path of a .pcore file, got {type(model).__name__}; perfcore.compile"):
            perfcore.batch_function(model)


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_answers_of_several_tables_have_no_column():
    tree = pytest.importorskip("sklearn.tree")
    X = np.random.default_rng(0).normal(size=(40, 2))
    fast = perfcore.compile(tree.DecisionTreeClassifier().fit(X, X > 0))
    assert perfcore.batch_function(fast, columns=["a", "b"]).field.type == pyarrow.list_(pyarrow.bool_())
    with pytest.raises(ConfigurationError, match="several tables"):
        perfcore.batch_function(fast, "predict_proba", columns=["a", "b"])


def test_batches_that_do_not_fit_say_where(folder, table):
    answer = perfcore.batch_function(folder / "binary.pcore")
    with pytest.raises(InputError, match=r"no columns \['f3'\]"):
        answer(table.drop_columns(["f3"]))
    with pytest.raises(InputError, match="'predict' already; name="):
        answer(answer(table))
    with pytest.raises(InputError, match=r"no columns \['key'\]"):
        perfcore.batch_function(folder / "binary.pcore", keep=["key"])(table)
    with pytest.raises(InputError, match=r"several columns of the names \['f0'\]"):
        answer(table.append_column("f0", table["f1"]))
    with pytest.raises(InputError, match="RecordBatch or Table, got a list"):
        answer([[1.0, 2.0, 3.0, 4.0]])
