"""What calls write where other threads read: the reason to expect that gets scale with cores (docs/cache.md)."""

import shutil
import subprocess

import pytest

N = 256  # keys a call


@pytest.fixture(scope="module")
def writes(repository, tmp_path_factory):
    """(locked instructions, plain stores) of a call, by policy and call."""
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path_factory.mktemp("traffic") / "traffic"
    flags = ["-std=c++17", "-O1", "-w", "-pthread", f"-I{repository / 'src/perfcore/_ext/include'}"]
    subprocess.run([compiler, *flags, repository / "tests/cache/traffic.cpp", "-o", program], check=True)
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert "WRONG" not in told
    return {
        (policy, call): (float(locked), float(stores))
        for policy, call, locked, stores in map(str.split, told.splitlines())
    }


@pytest.mark.parametrize("policy", ["clock", "s3fifo"])
def test_a_get_of_many_opens_a_section_and_writes_no_more_than_the_heat_of_what_is_cold(writes, policy):
    opens_closes_and_counts = (3, 3)  # all of it to the thread's own record
    assert writes[policy, "hot"] == opens_closes_and_counts
    assert writes[policy, "cold"] == (3, 3 + N)


@pytest.mark.parametrize("policy", ["lfu", "adaptive"])
def test_a_get_under_a_sketch_has_no_locked_instruction_for_a_key(writes, policy):
    assert writes[policy, "hot"][0] == writes[policy, "cold"][0] == 3


@pytest.mark.parametrize("policy", ["clock", "s3fifo", "lfu", "adaptive"])
def test_a_put_has_so_many_locked_instructions(writes, policy):
    assert writes[policy, "update"][0] / N < 6
    assert writes[policy, "evict"][0] / N < 25
