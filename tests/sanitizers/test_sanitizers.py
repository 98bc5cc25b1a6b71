"""The kernels' own test program: under the sanitizers, and on another processor (make check-long)."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.long

FLAGS = ["-std=c++17", "-g", "-ffp-contract=off", "-pthread"]


@pytest.fixture
def build(tmp_path, repository):
    """Builds the test program with a compiler and flags; returns its path."""

    def build(compiler, *flags):
        program = tmp_path / "kernels"
        ext = repository / "src/perfcore/_ext"
        sources = sorted(source for source in ext.glob("*/*.cpp"))
        assert sources
        command = [compiler, *FLAGS, *flags, f"-I{ext / 'include'}", repository / "tests/sanitizers/kernels.cpp"]
        subprocess.run([*command, *sources, "-o", program], check=True)
        return program

    return build


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_kernels_are_clean_under(sanitizer, build):
    """No byte out of bounds, no undefined behaviour, no race."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    check(build(compiler, "-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"))


def test_counters_are_clean(tmp_path, repository):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program, include = tmp_path / "counters", repository / "src/perfcore/_ext/include"
    flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{include}"]
    subprocess.run([compiler, *FLAGS, *flags, repository / "tests/sanitizers/counters.cpp", "-o", program], check=True)
    ran = subprocess.run([program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all counters agree\n"), ran.stdout + ran.stderr[-4000:]


@pytest.mark.parametrize("sanitizer", ["address", "thread"])
def test_streams_are_clean_under(sanitizer, tmp_path, repository):
    """Histories by many threads, and states that are forged."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program, include = tmp_path / "features", repository / "src/perfcore/_ext/include"
    flags = ["-O1", f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", f"-I{include}"]
    subprocess.run([compiler, *FLAGS, *flags, repository / "tests/sanitizers/features.cpp", "-o", program], check=True)
    ran = subprocess.run([program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all streams agree\n"), ran.stdout + ran.stderr[-4000:]


def test_batches_are_clean(tmp_path, repository):
    """Random windows over random series: in vectors and without them, by threads, after a history; as the steps."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program, include = tmp_path / "batches", repository / "src/perfcore/_ext/include"
    flags = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{include}"]
    subprocess.run([compiler, *FLAGS, *flags, repository / "tests/sanitizers/batches.cpp", "-o", program], check=True)
    ran = subprocess.run([program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all batches agree\n"), ran.stdout + ran.stderr[-4000:]


def test_portable_kernels_agree_on_aarch64(build):
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    if compiler is None or emulator is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64 (Debian: g++-aarch64-linux-gnu, qemu-user)")
    check(emulator, build(compiler, "-O2", "-static"))


def check(*command):
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all kernels agree\n"), ran.stdout + ran.stderr[-4000:]
