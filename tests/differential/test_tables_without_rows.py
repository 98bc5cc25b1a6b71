"""Tables without rows, which XGBoost and CatBoost take: an ensemble of them answers or refuses as the source does."""

import warnings

import numpy as np
import pytest
from ensembles import METHODS, TARGETS, THREE, TWO, X, other_frameworks

import perfcore

pytest.importorskip("sklearn")
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.compose import TransformedTargetRegressor  # noqa: E402
from sklearn.ensemble import StackingClassifier, VotingClassifier, VotingRegressor  # noqa: E402
from sklearn.multiclass import OneVsRestClassifier  # noqa: E402
from sklearn.multioutput import MultiOutputRegressor  # noqa: E402
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler  # noqa: E402

CODES = np.unique(THREE, return_inverse=True)[1]
BOTH = np.c_[CODES > 0, np.ones(len(X), bool)].astype(int)
CLASSIFIERS = {
    "sigmoid": lambda each: CalibratedClassifierCV(each, cv=2).fit(X, CODES),
    "isotonic": lambda each: CalibratedClassifierCV(each, cv=2, method="isotonic").fit(X, CODES),
    "hard vote": lambda each: VotingClassifier([("a", each)]).fit(X, TWO),
    "soft vote": lambda each: VotingClassifier([("a", each)], voting="soft").fit(X, TWO),
    "stack": lambda each: StackingClassifier([("a", each)], each, cv=2).fit(X, CODES),
    "one versus rest": lambda each: OneVsRestClassifier(each).fit(X, CODES),
    "a constant": lambda each: OneVsRestClassifier(each).fit(X, BOTH),
}
REGRESSORS = {
    "mean": lambda each: VotingRegressor([("a", each)]).fit(X, TARGETS[:, 0]),
    "many": lambda each: MultiOutputRegressor(each).fit(X, TARGETS),
    **{
        repr(transformer): lambda each, transformer=transformer: TransformedTargetRegressor(
            each, transformer=transformer
        ).fit(X, TARGETS[:, 0])
        for transformer in (
            StandardScaler(),
            MinMaxScaler(),
            FunctionTransformer(),
            FunctionTransformer(validate=True),
        )
    },
}


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
@pytest.mark.parametrize("make", [*CLASSIFIERS.values(), *REGRESSORS.values()], ids=[*CLASSIFIERS, *REGRESSORS])
def test_a_table_without_rows_is_taken_or_refused_as_by_the_source(make, assert_same_bits):
    for _, member in other_frameworks("Classifier" if make in CLASSIFIERS.values() else "Regressor"):
        model = make(member)
        fast = perfcore.compile(model)
        for method in METHODS:
            if not hasattr(fast, method):
                continue
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = getattr(model, method)(X[:0])
            except (ValueError, ZeroDivisionError, IndexError):
                with pytest.raises(perfcore.InputError):
                    getattr(fast, method)(X[:0])
            else:
                assert_same_bits(expected, getattr(fast, method)(X[:0]), member, method)
