"""scikit-learn's own checks of estimators; those that it cannot pass are listed with the reason."""

import pytest
from series_tables import ONE

from perfcore.features import RollingFeatures

pytest.importorskip("sklearn", minversion="1.6")

EXPECTED_FAILED_CHECKS = {
    "check_methods_sample_order_invariance": "what is said of a row depends on the rows before it",
    "check_methods_subset_invariance": "what is said of a row depends on the rows before it",
    "check_dtype_object": "a cell that is no number is an InputError with its column, a ValueError; the check asks for "
    "numpy's TypeError",
}
MORE = [
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
]
FEATURES = {"lags": [ONE["lag"], ONE["diff"]], "windows": [ONE["mean rows"], ONE["max all"], ONE["rsi"]]}


@pytest.mark.parametrize("features", FEATURES)
def test_all_checks_but_those_that_are_listed_pass(features):
    from sklearn.utils.estimator_checks import check_estimator

    results = check_estimator(
        RollingFeatures(FEATURES[features]),
        expected_failed_checks=EXPECTED_FAILED_CHECKS,
        on_skip=None,
        on_fail=None,
    )
    assert {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"} == {}
    assert {each["check_name"] for each in results if each["status"] == "xfail"} == {*EXPECTED_FAILED_CHECKS}


@pytest.mark.parametrize("check", MORE)
def test_checks_of_names_and_containers_pass(check):
    from sklearn.utils import estimator_checks

    if not hasattr(estimator_checks, check):
        pytest.skip("this scikit-learn has no such check")
    getattr(estimator_checks, check)("RollingFeatures", RollingFeatures(FEATURES["windows"]))
