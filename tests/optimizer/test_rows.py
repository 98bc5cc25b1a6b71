"""Every promise of the guide (S0), the plan (S1) and the leak report (S3) has a test that bears its number."""

import re
from pathlib import Path

LATER = {"s0_38", "s1_07", "s3_02", "s3_04", "s3_05", "s3_07"}  # parallel training, evaluation, trainers' memory
ROWS = {
    *(f"s0_{i:02}" for i in range(1, 41)), *(f"s0_g{i}" for i in range(1, 11)),
    *(f"s1_{i:02}" for i in range(1, 18)), "s1_g1",
    *(f"s3_{i:02}" for i in range(1, 16)), "s3_g1",
}  # fmt: skip


def test_each_row_has_a_test_that_bears_its_number():
    found = set()
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        found |= set(re.findall(r"^def test_(s[013]_g?\d+)_", path.read_text(encoding="utf-8"), re.M))
    assert ROWS - LATER - found == set()
    assert found - ROWS == set()
