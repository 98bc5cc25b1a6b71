"""scikit-learn's CalibratedClassifierCV -> an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.calibration import Calibrated, CalibratedAnswers, Isotonic, Sigmoid, Temperature
from ..errors import UnsupportedModelError
from ..model import Model
from .sklearn import class_labels, class_labels_as_in
from .sklearn_members import Members, knows_two_classes, response

FIRST_THAT_WEIGHS_ENDS = (1, 18)  # scipy/interpolate/_interpolate.py, interp1d._call_linear


def read(source: Any, origin: str) -> Model:
    labels = class_labels(source.classes_)
    for each in source.calibrated_classifiers_:
        class_labels_as_in(source, each.classes, "its calibrated_classifiers_")
    if len(labels) < 2:
        raise UnsupportedModelError("CalibratedClassifierCV of one class")
    members = Members(source)
    calibrated = []
    for i, each in enumerate(source.calibrated_classifiers_):
        model = members.add(each.estimator, f"calibrated_classifiers_[{i}].estimator")
        asks = response(each.estimator, model, "decision_function", "predict_proba")
        picks_second = knows_two_classes(each.estimator) and asks == "predict_proba"
        columns = tuple(np.searchsorted(source.classes_, each.estimator.classes_).tolist())
        calibrators = tuple(_calibrator(calibrator) for calibrator in each.calibrators)
        calibrated.append(Calibrated(asks, picks_second, columns, calibrators))
    return members.model(members.passed_on(), CalibratedAnswers(labels, tuple(calibrated)), origin)


def _calibrator(calibrator: Any) -> Sigmoid | Isotonic | Temperature:
    name = type(calibrator).__name__
    if name == "_SigmoidCalibration":
        return Sigmoid(np.array([calibrator.a_]), np.array([calibrator.b_]))
    if name == "IsotonicRegression":
        return _isotonic(calibrator)
    if name == "_TemperatureScaling":
        return Temperature(np.array([calibrator.beta_]))
    raise UnsupportedModelError(f"CalibratedClassifierCV with a calibrator of {type(calibrator)}")


def _isotonic(calibrator: Any) -> Isotonic:
    import scipy

    x, y = np.array(calibrator.X_thresholds_), np.array(calibrator.y_thresholds_)
    ends = [calibrator.X_min_, calibrator.X_max_]
    if calibrator.out_of_bounds != "clip" or not (np.diff(x) > 0).all() or [x[0], x[-1]] != ends:
        raise UnsupportedModelError("IsotonicRegression that does not clip to its thresholds")
    major, minor = scipy.__version__.split(".")[:2]
    return Isotonic(x, y, weighs_ends=(int(major), int(minor)) >= FIRST_THAT_WEIGHS_ENDS)
