"""``python -m perfcore run`` is ``python``, but for who predicts."""

import os
import py_compile
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

import perfcore

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
PATH = {"PYTHONPATH": str(Path(perfcore.__file__).parents[1])}


def done(arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | PATH | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("eager", [False, True], ids=["as it pays", "at once"])
def test_scripts_in_the_manner_of_the_frameworks_examples_print_the_same(script, eager, tmp_path):
    pytest.importorskip(script.stem.partition("_")[0])
    (tmp_path / "sitecustomize.py").write_text(
        "from perfcore.dropin import price\nprice.at_once = True\n" if eager else ""
    )
    path = os.pathsep.join([str(tmp_path), PATH["PYTHONPATH"]])
    plain = done([script, "an", "--argument"], tmp_path)
    ours = done(["-m", "perfcore", "run", "--report", script, "an", "--argument"], tmp_path, PYTHONPATH=path)
    assert plain.returncode == 0, plain.stderr
    assert (ours.returncode, ours.stdout) == (0, plain.stdout), ours.stderr
    if eager:
        assert int(ours.stderr.rpartition(" calls answered")[0].rpartition("\n")[2].replace(",", "")) >= 5, ours.stderr
    assert "perfcore failed" not in ours.stderr


PROGRAM = """
import atexit, os, pickle, sys
class Thing: pass
thing = Thing()
atexit.register(lambda: print(type(pickle.loads(pickle.dumps(thing))) is Thing))
assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
print(__name__, __file__, sys.argv, sys.path[0], __doc__, __spec__ is None)
print(sys.modules["__main__"].Thing is Thing)
def fail(words: str = "no"):
    raise ValueError(words)
print(fail.__annotations__)
if "fail" in sys.argv:
    fail()
if "stop" in sys.argv:
    raise KeyboardInterrupt
if "absent" in sys.argv:
    open("absent")
sys.exit(3 if "exit" in sys.argv else "words" if "words" in sys.argv else None)
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A program in every form that `run` takes."""
    home = tmp_path_factory.mktemp("programs")
    (home / "program.py").write_text(PROGRAM)
    (home / "wrong.py").write_text("def wrong(:")
    py_compile.compile(home / "program.py", home / "bytes.pyc")
    (home / "package").mkdir()
    for name in ("__init__", "__main__"):
        text = PROGRAM.replace("__spec__ is None", "__spec__.name, __package__")
        (home / "package" / f"{name}.py").write_text(text if name == "__main__" else "")
    zipapp.create_archive(home / "package", home / "archive.pyz")
    return home


FORMS = ["program.py", "bytes.pyc", "package", "archive.pyz", "-m package"]
RUNS = [form + " fail" for form in FORMS] + [
    "program.py",
    "program.py exit -m --report",
    "program.py stop",
    "program.py absent",
    "-m package stop",
    "-m absent",
    "wrong.py",
]


@pytest.mark.parametrize("run", RUNS)
def test_a_program_sees_and_shows_what_it_does_by_itself(run, programs):
    plain = done(run.split(), programs)
    ours = done(["-m", "perfcore", "run", *run.split()], programs)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


@pytest.mark.parametrize("form", ["program.py", "package"])
def test_a_safe_path_stays_one(form, programs):
    plain = done(["-P", form], programs)
    ours = done(["-P", "-m", "perfcore", "run", form], programs)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_what_cannot_be_run_is_said(tmp_path):
    for arguments in ([], ["-m"], ["--report"], ["-x"], ["-"], ["-c", "pass"]):
        ours = done(["-m", "perfcore", "run", *arguments], tmp_path)
        assert ours.returncode == 2 and "run takes a script, a folder, an archive, or -m and a module" in ours.stderr
    assert done(["-m", "perfcore", "run", "absent.py"], tmp_path).returncode == 2
    assert "SCRIPT" in done(["-m", "perfcore", "run", "--help"], tmp_path).stdout
