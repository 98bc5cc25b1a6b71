"""When a prediction cache pays: the ratio is of equal answers, and the statistics agree with it."""

import time

import numpy as np
import pytest


@pytest.fixture
def cell(benchmarks_in, tmp_path):
    benchmarks_in(tmp_path)
    from benchmarks.prediction_cache import cell

    return cell


class Predictor:
    def __init__(self, seconds):
        self.seconds, self.n_calls = seconds, 0

    def predict_proba(self, X):
        time.sleep(self.seconds)
        self.n_calls += 1
        return np.nan_to_num(X[:, :2])


def test_a_slow_predictor_pays_where_rows_are_known(cell):
    ratio, said = cell(Predictor(0.005), 4, 1.0, seconds=0.1)
    assert ratio > 2 and said == "pays"


def test_another_answer_than_the_predictors_is_no_figure(cell):
    predictor = Predictor(0)
    predictor.predict_proba = lambda X: np.random.default_rng().normal(size=(len(X), 1))
    with pytest.raises(AssertionError, match="another answer"):
        cell(predictor, 4, 1.0, seconds=0.1)
