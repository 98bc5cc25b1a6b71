"""python -m perfcore doctor."""

import json
import os
import subprocess
import sys

import pytest

from perfcore import doctor, threads
from perfcore.__main__ import main


def test_it_tells_of_machine_threads_memory_libraries_and_files(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for title in ("machine", "threads", "memory", "libraries", "extras", "files", "advice"):
        assert f"\n{title}\n" in "\n" + shown
    assert "numpy" in shown and f"CPUs to use            {threads.available()}" in shown


def test_its_json_has_the_same(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sections"].keys() == {"machine", "threads", "memory", "libraries", "extras", "files"}
    assert isinstance(found["advice"], list) and found["sections"]["libraries"]["numpy"]


def test_pools_with_more_threads_than_cpus_are_advised_against():
    with threads.limit(perfcore=1):
        advice = doctor.examine().advice
    pools = [pool for pool in threads.pools() if pool.kind in ("blas", "openmp") and pool.n_threads > 1]
    if not pools:
        pytest.skip("no library here has more than one thread")
    assert any(pools[0].library in each and "OMP_NUM_THREADS" in each for each in advice)


def test_known_faults_of_versions_are_told(monkeypatch):
    monkeypatch.setitem(doctor.FAULTS, "numpy", [("0", "999", "is an example")])
    assert any(each.startswith("numpy") and "is an example" in each for each in doctor.examine().advice)


def test_a_lesser_instruction_set_that_is_forced_is_told(monkeypatch):
    monkeypatch.setenv("PERFCORE_ISA", "portable")
    found = doctor.examine()
    assert found.sections["machine"]["in use"] == "portable"
    if found.sections["machine"]["instruction sets"] != "portable":
        assert any("PERFCORE_ISA" in each for each in found.advice)


def test_a_damaged_file_is_told(tmp_path, monkeypatch):
    pytest.importorskip("platformdirs")
    monkeypatch.setenv("PERFCORE_CACHE_DIR", str(tmp_path))
    assert "nothing was tuned" in doctor.examine().sections["files"]["thread counts"]
    (tmp_path / "threads.json").write_text("{")
    assert any("--reset" in each for each in doctor.examine().advice)


def test_nothing_is_advised_where_nothing_is_amiss():
    found = doctor.Findings({"machine": {"a": "b"}})
    assert str(found).endswith("nothing to change")


def test_a_folder_that_may_not_be_looked_into_is_told_and_the_rest_as_well(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERFCORE_CACHE_DIR", str(tmp_path / "file" / "below"))
    found = doctor.examine()
    assert "libraries" in found.sections and "Not a directory" in found.sections["files"]["thread counts"]
    assert any("PERFCORE_CACHE_DIR names another folder" in each for each in found.advice)


def test_a_library_whose_version_cannot_be_told_is_no_failure(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "version", lambda package: None)
    assert doctor.examine().sections["libraries"]["psutil"] == "unknown"


def test_a_user_without_a_home_is_no_failure(monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "USER", "PERFCORE_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert "files" in doctor.examine().sections


def test_every_pool_of_a_kind_is_told(monkeypatch):
    pools = [
        threads.Pool("blas", "openblas 0.3.30", 3, path="/a"),
        threads.Pool("blas", "openblas 0.3.31", 5, path="/b"),
    ]
    monkeypatch.setattr(threads, "pools", lambda: pools)
    told = doctor.examine().sections["threads"]["blas pool"]
    assert told == "3 threads, openblas 0.3.30; 5 threads, openblas 0.3.31"


@pytest.mark.parametrize("variable", ["PERFCORE_NUM_THREADS", "PERFCORE_ISA", "PERFCORE_KERNEL"])
def test_a_variable_that_is_off_is_advice_beside_all_else(variable, monkeypatch):
    monkeypatch.setenv(variable, "abc")
    found = doctor.examine()
    assert found.sections.keys() == {"machine", "threads", "memory", "libraries", "extras", "files"}
    assert any(each.startswith(f"{variable}='abc': allowed") and "unset or change it" in each for each in found.advice)
    assert (found.sections["machine"]["in use"] == "none") is (variable == "PERFCORE_ISA")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch, is_there):
    pytest.importorskip("platformdirs")
    folder = tmp_path if is_there else tmp_path / "of" / "mine"
    monkeypatch.setenv("PERFCORE_CACHE_DIR", str(folder))
    assert not any("cannot be written" in each for each in doctor.examine().advice)
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: str(path) != str(tmp_path))
    assert any(
        f"{folder} cannot be written" in each and "PERFCORE_CACHE_DIR" in each for each in doctor.examine().advice
    )


@pytest.mark.parametrize("command", ["doctor", "threads", "inspect"])
def test_commands_end_quietly_where_nobody_reads_on(command, tmp_path):
    from small_models import lightgbm_texts

    (tmp_path / "model.txt").write_bytes(next(iter(lightgbm_texts().values())))
    arguments = [command, str(tmp_path / "model.txt")] if command == "inspect" else [command]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "perfcore", *arguments], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
