"""``python -m perfcore run`` is ``python``, but for who predicts."""

import os
import subprocess
import sys
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
import os, pickle, sys
class Thing: pass
assert type(pickle.loads(pickle.dumps(Thing()))) is Thing
print(__name__, __file__, sys.argv, sys.path[0], __doc__, __spec__ is None)
print(sys.modules["__main__"].Thing is Thing)
def fail(words: str = "no"):
    raise ValueError(words)
print(fail.__annotations__)
if "fail" in sys.argv:
    fail()
sys.exit(3 if "exit" in sys.argv else "words" if "words" in sys.argv else None)
"""


@pytest.mark.parametrize("arguments", [[], ["fail"], ["exit", "-m", "--report"]], ids=" ".join)
def test_a_program_sees_what_python_shows_it(arguments, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    plain = done(["program.py", *arguments], tmp_path)
    ours = done(["-m", "perfcore", "run", "program.py", *arguments], tmp_path)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_module_runs_as_one(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "tool.py").write_text(PROGRAM.replace("__spec__ is None", "__spec__.name, __package__"))
    plain = done(["-m", "package.tool", "fail"], tmp_path)
    ours = done(["-m", "perfcore", "run", "-m", "package.tool", "fail"], tmp_path)
    assert (ours.returncode, ours.stdout) == (plain.returncode, plain.stdout)
    assert ours.stderr.splitlines()[-3:] == plain.stderr.splitlines()[-3:]


def test_nothing_to_run_is_said(tmp_path):
    for arguments in ([], ["-m"], ["--report"], ["-x"]):
        ours = done(["-m", "perfcore", "run", *arguments], tmp_path)
        assert ours.returncode == 2 and "nothing to run" in ours.stderr
    assert done(["-m", "perfcore", "run", "absent.py"], tmp_path).returncode == 2
    assert "SCRIPT" in done(["-m", "perfcore", "run", "--help"], tmp_path).stdout
