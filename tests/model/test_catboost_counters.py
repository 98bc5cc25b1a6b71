"""Arrays of counters out of a ``.pcore`` file: such as lead the kernel astray are refused."""

import dataclasses

import numpy as np
import pytest

from perfcore.errors import ModelFormatError
from perfcore.inputs.catboost_categories import CatBoostCategoryInputs
from perfcore.inputs.catboost_counters import FREE, CatBoostCounters


def array(*cells, dtype=np.int32):
    return np.array(cells, dtype)


COUNTERS = CatBoostCounters(
    n_categories=2,
    n_floats=1,
    value_category=array(1),
    value_hash=array(7, dtype=np.uint32),
    category_start=array(0, 2, dtype=np.int64),
    category=array(0, 1),
    float_start=array(0, 1, dtype=np.int64),
    float_column=array(0),
    float_border=array(0.5, dtype=np.float32),
    float_nan=array(1, dtype=np.uint8),
    match_start=array(0, 1, dtype=np.int64),
    match_category=array(0),
    match_hash=array(7, dtype=np.uint32),
    table_start=array(0, 1, dtype=np.int64),
    bucket_start=array(0, 2, dtype=np.int64),
    bucket_key=array(3, FREE, dtype=np.uint64),
    bucket_place=array(1, 99, dtype=np.uint32),
    counter_start=array(0, 2, dtype=np.int64),
    place_start=array(0, 3, 6, dtype=np.int64),
    number=np.arange(6, dtype=np.float32),
)
INPUTS = CatBoostCategoryInputs(
    n_features=4,
    feature_names=None,
    is_used=array(1, 1, 1, 0, dtype=bool),
    is_category=array(0, 1, 1, 0, dtype=bool),
    floats=array(0),
    categories_used=array(1, 2),
    counters=COUNTERS,
)


def test_rows_and_cells():
    ((block,),) = [[np.array(block) for block in INPUTS.blocks([[0.25, "a", "b", 1], [0.75, 5, 6, 1]])[1]]]
    assert block.shape == (2, 4) and block[:, 0].tolist() == [0.25, 0.75]
    assert block[:, 2:].tolist() == [[2.0, 5.0]] * 2


DAMAGED = {
    "a category beyond the last": {"category": array(0, 2)},
    "a category before the first": {"value_category": array(-1)},
    "a question of no category": {"match_category": array(2)},
    "a question of no number": {"float_column": array(1)},
    "another type": {"number": np.arange(6, dtype=np.float64)},
    "two dimensions": {"number": np.zeros((2, 3), np.float32)},
    "a border too few": {"float_border": array(dtype=np.float32)},
    "an answer too few": {"float_nan": array(dtype=np.uint8)},
    "a hash too few": {"match_hash": array(dtype=np.uint32)},
    "a value too few": {"value_hash": array(dtype=np.uint32)},
    "no starts": {"category_start": array(dtype=np.int64)},
    "starts that descend": {"place_start": array(0, 7, 6, dtype=np.int64)},
    "starts beyond the end": {"place_start": array(0, 3, 7, dtype=np.int64)},
    "starts after the first": {"bucket_start": array(1, 2, dtype=np.int64)},
    "counters without a table": {"counter_start": array(0, 2, 2, dtype=np.int64)},
    "no bucket free": {"bucket_key": array(3, 4, dtype=np.uint64)},
    "three buckets": {
        "bucket_start": array(0, 3, dtype=np.int64),
        "bucket_key": array(3, FREE, FREE, dtype=np.uint64),
        "bucket_place": array(1, 0, 0, dtype=np.uint32),
    },
    "a place that is the unknown's": {"bucket_place": array(2, 0, dtype=np.uint32)},
    "counters of two lengths": {"place_start": array(0, 2, 6, dtype=np.int64)},
    "a counter without a number": {"place_start": array(0, 0, 6, dtype=np.int64)},
    "fewer categories": {"n_categories": 1},
    "categories below zero": {"n_categories": -1},
}


@pytest.mark.parametrize("what", DAMAGED)
def test_counters_that_lead_astray_are_refused(what):
    with pytest.raises(ModelFormatError):
        dataclasses.replace(COUNTERS, **DAMAGED[what])


OTHER = {
    "a column too many": {"n_features": 5},
    "a number that is a category": {"floats": array(1)},
    "a category that is a number": {"categories_used": array(1, 3)},
    "a column beyond the last": {"floats": array(4)},
    "a column before the first": {"categories_used": array(1, -1)},
    "another count of numbers": {"floats": array(0, 3)},
    "another count of categories": {"categories_used": array(1)},
    "another type": {"is_category": array(0, 1, 1, 0)},
    "no category at all": {"is_category": np.zeros(4, bool)},
}


@pytest.mark.parametrize("what", OTHER)
def test_columns_that_do_not_fit_are_refused(what):
    with pytest.raises(ModelFormatError):
        dataclasses.replace(INPUTS, **OTHER[what])
