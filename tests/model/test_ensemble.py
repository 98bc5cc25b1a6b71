"""Ensembles made by hand: what is refused, what it costs to find that out, and what a fingerprint follows."""

import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from perfcore import ModelFormatError
from perfcore.answers.bagging import BaggingAnswers
from perfcore.answers.calibration import Calibrated, CalibratedAnswers, Isotonic
from perfcore.answers.multiclass import OneVsOneAnswers, OneVsRestAnswers
from perfcore.answers.multioutput import ChainAnswers, MultiOutputAnswers
from perfcore.answers.sklearn_linear import LinearAnswers
from perfcore.answers.stacking import StackingAnswers
from perfcore.answers.target import Function, TransformedTargetAnswers
from perfcore.answers.voting import AveragingAnswers, VotingAnswers
from perfcore.inputs.ensemble import PassedOn, Validated
from perfcore.inputs.sklearn import LinearInputs
from perfcore.model import Ensemble, Linear, Model
from perfcore.model import file as pcore
from perfcore.model.ensemble import DEEPEST
from perfcore.predictor import Predictor

X = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])


def member(slope=0.5, n_features=2):
    return Model(
        Linear(np.full(n_features, slope), 0.25), LinearInputs(n_features, None, "Ridge"), LinearAnswers(None), "member"
    )


def mean(*members, n_features=2):
    return Model(Ensemble.of(members), PassedOn(n_features, None, True), AveragingAnswers(len(members), None), "mean")


def nested(depth, times=1):
    model = member()
    for _ in range(depth):
        model = mean(*[model] * times)
    return model


def test_ensembles_within_one_another_are_saved_to_the_depth_that_is_allowed(tmp_path):
    model = nested(DEEPEST, times=2)
    expected = Predictor(model).predict(X)
    pcore.write_model(model, tmp_path / "deep.pcore")
    fast = Predictor(pcore.read_model(tmp_path / "deep.pcore"))
    assert fast.predict(X).tobytes() == expected.tobytes() == member().body.margins(X).tobytes()
    assert pickle.loads(pickle.dumps(fast)).fingerprint == fast.fingerprint == pcore.fingerprint(model)
    with pytest.raises(ModelFormatError, match=f"more than {DEEPEST} deep"):
        nested(DEEPEST + 1)


def test_members_that_multiply_are_refused_before_they_are_asked():
    start = time.perf_counter()
    with pytest.raises(ModelFormatError, match="outputs"):
        nested(DEEPEST, times=50)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("members", [(), (0,), (0, 2), (0, 1, -1), (1, 1)])
def test_members_that_are_not_the_models_are_refused(members):
    with pytest.raises(ModelFormatError, match="members"):
        Ensemble((member(), member(2.0)), members)


CLASSES = np.array(["a", "b", "c"])

MISFITS = {
    "fewer members": AveragingAnswers(4, None),
    "no members": AveragingAnswers(0, None),
    "weights": AveragingAnswers(3, np.ones(2)),
    "weights of zero": AveragingAnswers(3, np.zeros(3)),
    "no classifiers": VotingAnswers(CLASSES, 3, None, True),
    "no classes": VotingAnswers(CLASSES, 3, None, False),
    "no probabilities": MultiOutputAnswers((CLASSES,) * 3, 3, ("predict", "predict_proba")),
    "a method of nobody's": StackingAnswers((), ("score", "predict"), False, False, ("predict",)),
    "a last one of other features": StackingAnswers((), ("predict", "predict"), False, True, ("predict",)),
    "a chain of the same features": ChainAnswers((), (0, 1, 2), "predict", ("predict",)),
    "columns out of range": BaggingAnswers(None, (np.array([0, 2]),) * 3, (), (False,) * 3, 1, ("predict",)),
    "too few columns": BaggingAnswers(None, (np.array([0]),) * 3, (), (False,) * 3, 1, ("predict",)),
    "nothing calibrated": CalibratedAnswers(CLASSES, ()),
    "an empty calibrator": CalibratedAnswers(
        CLASSES, (Calibrated("predict", False, (0,), (Isotonic(np.empty(0), np.empty(0)),)),)
    ),
    "constants alone": OneVsRestAnswers(CLASSES, (-1, -2, -3), (), ("predict",) * 3, "multiclass", 0.5, ("predict",)),
    "an unknown function": TransformedTargetAnswers(Function("save", False), True, 1),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_answers_that_members_cannot_give_are_refused(misfit):
    with pytest.raises(ModelFormatError, match="do not fit"):
        replace(mean(member(), member(), member(2.0)), answers=MISFITS[misfit])


def test_pairs_are_counted_before_they_are_walked():
    with pytest.raises(ModelFormatError, match="0 members for 1000000 classes"):
        OneVsOneAnswers(np.arange(1_000_000), (), 0.5)


def test_the_same_member_is_held_and_asked_once():
    once, fast = member(), Predictor(mean(*[member()] * 3, member(2.0)))
    assert fast._model.body.members == (0, 0, 0, 1) and len(fast._model.body.models) == 2
    assert "3 times" in str(fast)
    data = pcore.to_bytes(mean(*[once] * 50))
    assert len(data) < len(pcore.to_bytes(mean(once))) + 500


def test_a_fingerprint_does_not_follow_origins_of_members():
    digest = pcore.fingerprint(mean(member(), member(2.0)))
    assert pcore.fingerprint(mean(replace(member(), origin="elsewhere"), member(2.0))) == digest
    assert pcore.fingerprint(mean(member(), member(3.0))) != digest


def test_arrays_of_members_are_read_only():
    fast = Predictor(pcore.from_bytes(pcore.to_bytes(mean(member(), member(2.0)))))
    with pytest.raises(ValueError, match="read-only"):
        fast._model.body.models[1].body.coef[0] = 1


def test_tables_that_become_arrays_keep_their_dtype_and_layout():
    inputs = Validated(2, None, "RegressorChain", "finite", True)
    for table in (X, X.astype(np.float32), np.asfortranarray(X), X[:, ::-1], (X * 4).astype(int)):
        assert inputs.table(table) is table
    assert inputs.table(X.astype(object)).dtype == np.float64
    assert Validated(2, None, "BaggingRegressor", "anything", False).table(X.astype(object)).dtype == object
