"""The cache's C++ without Python: many threads under the sanitizers, histories of a map, a thread that stands still."""

import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def run(tmp_path, repository):
    """Builds a program of this folder and runs it, for each list of arguments; it says "ok" or what does not hold."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")

    def run(name, *calls, sanitizer=None):
        flags = ["-O2"] if sanitizer is None else ["-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
        here, program = repository / "tests/sanitizers", tmp_path / name
        flags += ["-std=c++17", "-g", "-w", "-pthread", f"-I{repository / 'src/perfcore/_ext/include'}"]
        subprocess.run([compiler, *flags, here / f"{name}.cpp", "-o", program], check=True)
        for call in calls:
            ran = subprocess.run([program, *call], capture_output=True, text=True, timeout=1200)
            assert (ran.returncode, ran.stdout) == (0, "ok\n"), ran.stdout + ran.stderr[-4000:]

    return run


def test_threads_in_caches_too_small_for_them_lose_nothing_and_tear_nothing(run):
    run("cache", ["100", "1"])


@pytest.mark.long
@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_threads_in_caches_too_small_for_them_are_clean_under(sanitizer, run):
    run("cache", ["150", "1"], ["150", "1000"], sanitizer=sanitizer)


def test_every_history_of_a_key_is_one_of_a_map(run):
    run("cache_history", ["1000", "1"])


@pytest.mark.long
def test_every_one_of_many_histories_of_a_key_is_one_of_a_map(run):
    run("cache_history", *(["20000", str(seed)] for seed in range(2)))


@pytest.mark.long
def test_histories_are_clean_under_the_thread_sanitizer(run):
    run("cache_history", ["3000", "5"], sanitizer="thread")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals that stop a thread")
def test_others_go_on_where_a_thread_stands_still_in_a_call(run):
    run("cache_stopped", ["30"])
