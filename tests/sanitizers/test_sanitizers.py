"""The kernels under the sanitizers: no byte out of bounds, no undefined behaviour, no race (make check-long)."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.long


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_kernels_are_clean_under(sanitizer, tmp_path, repository):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    ext = repository / "src/perfcore/_ext"
    program = tmp_path / "kernels"
    sources = [repository / "tests/sanitizers/kernels.cpp", ext / "portable/bitslice.cpp", ext / "avx512/bitslice.cpp"]
    flags = ["-std=c++17", "-O1", "-g", "-ffp-contract=off", "-pthread", f"-fsanitize={sanitizer}"]
    subprocess.run(
        [compiler, *flags, "-fno-sanitize-recover=all", f"-I{ext / 'include'}", *sources, "-o", program], check=True
    )
    ran = subprocess.run([program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "all kernels agree\n"), ran.stdout + ran.stderr[-4000:]
