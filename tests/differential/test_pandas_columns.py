"""pandas frames with nullable, Arrow, category and other columns: each framework's own bits, or its refusal."""

import numpy as np
import pytest
from tables import INSTALLED, NAMES, N, X, agree, answer, model

from perfcore.errors import InputError

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
if not INSTALLED:
    pytest.skip("no framework is installed", allow_module_level=True)

FRAME = pd.DataFrame(X, columns=NAMES)
WHOLE = np.arange(N) % 9
LARGE = 2**60 + 2**36 + np.arange(N) % 7 - 3  # next to the middle of two float32
IS_NULL = np.arange(N) % 5 == 0
TEXTS = [f"x{each}" for each in WHOLE]


def of_arrow(array):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


COLUMNS = {
    **{kind: pd.Series(WHOLE).astype(kind) for kind in ("Int8", "Int64", "UInt8", "UInt64", "Float32", "Float64")},
    "boolean": pd.Series(WHOLE % 2 == 0).astype("boolean"),
    "large Int64": pd.Series(LARGE).astype("Int64"),
    **{
        f"Arrow {kind}": of_arrow(pa.array(WHOLE).cast(kind)) for kind in ("int8", "int64", "uint16", "float", "double")
    },
    "Arrow large int64": of_arrow(pa.array(LARGE)),
    "Arrow bool": of_arrow(pa.array(WHOLE % 2 == 0)),
    "Arrow decimal": of_arrow(pa.array(WHOLE).cast(pa.decimal128(30, 2))),
    "Arrow timestamp": of_arrow(pa.array(WHOLE).cast(pa.timestamp("us"))),
    "category of texts": pd.Series(pd.Categorical(TEXTS)),
    "category of whole numbers": pd.Series(pd.Categorical(WHOLE)),
    "objects": pd.Series(WHOLE.tolist(), dtype=object),
}
WITH_NULLS = {f"{kind} with NA": cells.mask(IS_NULL) for kind, cells in COLUMNS.items()}
OTHERS = {
    "text": pd.Series(TEXTS, dtype="string[pyarrow]"),
    "Arrow dictionary": of_arrow(pa.array(TEXTS).dictionary_encode()),
    "dates": pd.Series(pd.date_range("2020", periods=N)),
    "spans": pd.Series(pd.to_timedelta(WHOLE, unit="s")),
    "sparse": pd.Series(pd.arrays.SparseArray(WHOLE % 3)),
}


@pytest.mark.parametrize("kind", [*COLUMNS, *WITH_NULLS, *OTHERS])
def test_each_type_of_column_answers_as_the_source_does(kind, assert_same_bits):
    frame = FRAME.assign(c1=(COLUMNS | WITH_NULLS | OTHERS)[kind])
    for name in INSTALLED:
        if name == "CatBoostRegressor" and kind == "text":  # which parses texts as numbers
            assert isinstance(answer(model(name)[1].predict, frame), InputError)
        else:
            agree(name, frame, assert_same_bits)
