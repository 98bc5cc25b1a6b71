"""The examples of docs/scale_out.md, each run as it stands there: the same bits from every engine (make engines)."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from lightgbm_texts import grow, model_text

import perfcore

pytestmark = pytest.mark.long

ENGINES = {
    "spark": "pyspark",
    "ray": "ray",
    "dask": "dask",
    "duckdb": "duckdb",
    "polars": "polars",
    "pyarrow": "pyarrow",
}
N_ROWS, N_FEATURES = 10_007, 4

SAVE = """
import pyarrow.parquet
answers = answers.to_arrow() if hasattr(answers, "to_arrow") else answers
if not isinstance(answers, pyarrow.Table):
    answers = pyarrow.Table.from_pandas(answers, preserve_index=False)
pyarrow.parquet.write_table(answers, "found.parquet")
"""

# In place of the function: its answer, and how many threads the process had more while it was made.
COUNTED = """
asked = answer
def answer(batch):
    import os, pyarrow
    from process_jobs import most_threads
    found, alone = [], len(os.listdir("/proc/self/task"))
    most = most_threads(found.append(asked(batch)) for _ in range(20)) - alone
    return found[0].set_column(1, "predict", pyarrow.array([float(most)] * batch.num_rows, pyarrow.float64()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the examples read."""
    folder = tmp_path_factory.mktemp("engines")
    rng = np.random.default_rng(0)
    text = model_text([grow(rng, 31, "random", N_FEATURES, False, False) for _ in range(50)], N_FEATURES)
    (folder / "model.txt").write_text(text.replace("Column_", "f"))
    perfcore.compile(folder / "model.txt").save(folder / "model.pcore")
    cells = rng.normal(size=(N_ROWS, N_FEATURES))
    cells[rng.random(cells.shape) < 0.1] = np.nan
    table = pyarrow.table({"id": np.arange(N_ROWS)} | {f"f{i}": cells[:, i] for i in range(N_FEATURES)})
    pyarrow.parquet.write_table(table, folder / "rows.parquet", row_group_size=1500)
    return folder


@pytest.fixture(params=ENGINES)
def example(request, repository):
    """(engine, the text of its example)"""
    if importlib.util.find_spec(ENGINES[request.param]) is None:
        pytest.skip(f"{ENGINES[request.param]} is not installed; make engines installs it")
    if request.param == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    text = (repository / "docs" / "scale_out.md").read_text(encoding="utf-8")
    return request.param, re.search(rf"```python {request.param}\n(.*?)```", text, re.DOTALL)[1]


def run(code, folder, repository):
    """The table that the code leaves in ``answers``, by id."""
    paths = [str(Path(perfcore.__file__).parents[1]), str(repository / "tests")]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-c", code + SAVE], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return pyarrow.parquet.read_table(folder / "found.parquet").sort_by("id")


def test_the_example_gives_the_bits_of_one_call(example, folder, repository):
    engine, code = example
    found = run(code, folder, repository)
    rows = pyarrow.parquet.read_table(folder / "rows.parquet")
    expected = perfcore.load(folder / "model.pcore").predict(rows.drop_columns(["id"]))
    assert found["id"].to_pylist() == list(range(N_ROWS))
    assert found["predict"].to_numpy().tobytes() == expected.tobytes()
    print(engine, importlib.import_module(ENGINES[engine]).__version__, f"{N_ROWS} rows, equal bits")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted under /proc")
def test_a_task_has_one_thread(example, folder, repository):
    engine, code = example
    if engine not in ("spark", "dask"):
        pytest.skip("its processes have threads of their own that come and go")
    made = re.search(r"^answer = .*\n", code, re.MULTILINE)
    found = run(code[: made.end()] + COUNTED + code[made.end() :], folder, repository)
    assert max(found["predict"].to_pylist()) == 1, "the one in which the test asks"


def test_lists_come_through(example, folder, repository):
    """Several numbers a row: the column of lists in the types of each engine."""
    engine, code = example
    code = code.replace('keep=["id"]', '"apply", keep=["id"], name="predict"')
    code = code.replace("predict double", "predict array<int>").replace('"predict": "float64"', '"predict": "object"')
    code = code.replace("polars.Float64", "polars.List(polars.Int32)")
    found = run(code, folder, repository)
    rows = pyarrow.parquet.read_table(folder / "rows.parquet")
    expected = perfcore.load(folder / "model.pcore").apply(rows.drop_columns(["id"]))
    assert np.array_equal(np.stack(found["predict"].to_pylist()), expected)
