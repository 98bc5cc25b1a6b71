"""scikit-learn's naive Bayes and quadratic discriminant analysis -> the canonical models."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..answers.sklearn_bayes import BayesAnswers, DiscriminantAnswers
from ..inputs.sklearn import LinearInputs
from ..model import DiagonalGaussians, Gaussians, Linear, Model
from .sklearn import class_labels, feature_names

FIRST_SCIPY_THAT_SPLITS_LARGEST = (1, 15)


def read(source: Any, origin: str) -> Model:
    labels = class_labels(source.classes_)
    if hasattr(source, "rotations_"):
        body = Gaussians(
            np.array(source.priors_),
            np.array(source.means_),
            tuple(np.array(each) for each in source.rotations_),
            tuple(np.array(each) for each in source.scalings_),
        )
        return Model(body, _inputs(source), DiscriminantAnswers(labels), origin)
    answers = BayesAnswers(labels, _splits_largest())
    if hasattr(source, "theta_"):
        gaussians = DiagonalGaussians(np.array(source.class_prior_), np.array(source.theta_), np.array(source.var_))
        return Model(gaussians, _inputs(source), answers, origin)
    return Model(_product(source), _inputs(source), answers, origin)


def _inputs(source: Any) -> LinearInputs:
    from sklearn.naive_bayes import _BaseDiscreteNB

    above = getattr(source, "binarize", None)
    return LinearInputs(
        source.n_features_in_,
        feature_names(source),
        type(source).__name__,
        above=None if above is None else float(above),
        takes_sparse=above is None and isinstance(source, _BaseDiscreteNB),
    )


def _product(source: Any) -> Linear:
    """BernoulliNB, ComplementNB and MultinomialNB: their _joint_log_likelihood is a product of the table."""
    from sklearn.naive_bayes import BernoulliNB, ComplementNB

    coef, prior = source.feature_log_prob_, source.class_log_prior_
    if isinstance(source, BernoulliNB):
        absent = np.log(1 - np.exp(coef))
        return Linear(coef - absent, prior + absent.sum(axis=1))
    if isinstance(source, ComplementNB) and len(source.classes_) > 1:
        return Linear(np.array(coef), -0.0)  # which changes no sum, not even one of -0.0
    return Linear(np.array(coef), np.array(prior))


def _splits_largest() -> bool:
    import scipy
    import sklearn

    if hasattr(sklearn.utils._array_api, "_logsumexp"):
        return True
    return tuple(int(part) for part in scipy.__version__.split(".")[:2]) >= FIRST_SCIPY_THAT_SPLITS_LARGEST
