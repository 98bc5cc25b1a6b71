"""``import perfcore`` loads numpy alone of all third parties, in a process of its own."""

import json
import subprocess
import sys

NOT_LOADED = {
    "lightgbm", "xgboost", "catboost", "sklearn", "scipy", "pandas", "polars", "pyarrow",
    "numba", "psutil", "threadpoolctl", "joblib", "rich",
}  # fmt: skip


def modules_after(code):
    """Top-level modules that the code loads beyond those of a bare interpreter (whose site may load some)."""
    script = (
        f"import json, sys; before = set(sys.modules)\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_import_loads_numpy_alone():
    loaded = {name for name in modules_after("import perfcore") if name not in sys.stdlib_module_names}
    # Cython modules share one named for their ABI; site hooks of an environment may come in with subprocesses.
    foreign = {name for name in loaded if not name.startswith(("_cython", "cython_runtime"))}
    assert foreign == {"perfcore", "numpy"}


def test_using_a_saved_model_loads_no_framework(tmp_path):
    """Forest, file and kernel live without what trained them."""
    code = "\n".join(
        [
            "import numpy as np",
            "from perfcore.model import Forest, Tree",
            "from perfcore._ext.forest import ForestKernel",
            "t = Tree(*(np.array([v]) for v in (0, 0.5, -1, -2, 1)), value=np.array([1.0, 2.0]))",
            "f = Forest.from_trees([t], n_features=1, n_outputs=1, precision='float64', dtype='float64')",
            "ForestKernel(f).predict(np.zeros((1, 1)))",
            "import perfcore.model.file",
        ]
    )
    assert not modules_after(code) & NOT_LOADED


def test_import_leaves_the_caches_unloaded_until_they_are_asked_for():
    code = "import perfcore, sys; assert not [name for name in sys.modules if name.startswith('perfcore.cache')]"
    assert not modules_after(f"{code}; perfcore.ModelCache, perfcore.PredictionCache") & NOT_LOADED
