"""scikit-learn estimators -> the canonical model: who reads which class, and what is refused."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..errors import ConfigurationError, PerfcoreError, UnsupportedModelError
from ..model import Model
from . import read_member
from .overrides import refuse_overrides

OLDEST = (1, 6)

LINEAR = [
    f"sklearn.linear_model.{name}"
    for name in (
        "ARDRegression BayesianRidge ElasticNet ElasticNetCV GammaRegressor HuberRegressor Lars LarsCV Lasso LassoCV "
        "LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV "
        "MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV OrthogonalMatchingPursuit "
        "OrthogonalMatchingPursuitCV PassiveAggressiveClassifier PassiveAggressiveRegressor Perceptron "
        "PoissonRegressor QuantileRegressor RANSACRegressor Ridge RidgeClassifier RidgeClassifierCV RidgeCV "
        "SGDClassifier SGDOneClassSVM SGDRegressor TheilSenRegressor TweedieRegressor"
    ).split()
] + [
    "sklearn.svm.LinearSVC",
    "sklearn.svm.LinearSVR",
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "sklearn.cross_decomposition.CCA",
    "sklearn.cross_decomposition.PLSCanonical",
    "sklearn.cross_decomposition.PLSRegression",
]

# class -> the module of this package that reads it
READERS = {
    "sklearn.tree.DecisionTreeClassifier": "sklearn_trees",
    "sklearn.tree.DecisionTreeRegressor": "sklearn_trees",
    "sklearn.tree.ExtraTreeClassifier": "sklearn_trees",
    "sklearn.tree.ExtraTreeRegressor": "sklearn_trees",
    "sklearn.ensemble.RandomForestClassifier": "sklearn_trees",
    "sklearn.ensemble.RandomForestRegressor": "sklearn_trees",
    "sklearn.ensemble.ExtraTreesClassifier": "sklearn_trees",
    "sklearn.ensemble.ExtraTreesRegressor": "sklearn_trees",
    "sklearn.ensemble.GradientBoostingClassifier": "sklearn_boosting",
    "sklearn.ensemble.GradientBoostingRegressor": "sklearn_boosting",
    "sklearn.ensemble.HistGradientBoostingClassifier": "sklearn_boosting",
    "sklearn.ensemble.HistGradientBoostingRegressor": "sklearn_boosting",
    "sklearn.ensemble.IsolationForest": "sklearn_fused",
    "sklearn.ensemble.BaggingClassifier": "sklearn_fused",
    "sklearn.ensemble.BaggingRegressor": "sklearn_fused",
    "sklearn.ensemble.AdaBoostClassifier": "sklearn_fused",
    "sklearn.ensemble.AdaBoostRegressor": "sklearn_fused",
    **dict.fromkeys(LINEAR, "sklearn_linear"),
    "sklearn.ensemble.VotingClassifier": "sklearn_voting",
    "sklearn.ensemble.VotingRegressor": "sklearn_voting",
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": "sklearn_bayes",
    "sklearn.naive_bayes.BernoulliNB": "sklearn_bayes",
    "sklearn.naive_bayes.ComplementNB": "sklearn_bayes",
    "sklearn.naive_bayes.GaussianNB": "sklearn_bayes",
    "sklearn.naive_bayes.MultinomialNB": "sklearn_bayes",
    "sklearn.neural_network.MLPClassifier": "sklearn_network",
    "sklearn.neural_network.MLPRegressor": "sklearn_network",
    "sklearn.ensemble.StackingClassifier": "sklearn_stacking",
    "sklearn.ensemble.StackingRegressor": "sklearn_stacking",
    "sklearn.compose.TransformedTargetRegressor": "sklearn_stacking",
    "sklearn.calibration.CalibratedClassifierCV": "sklearn_calibration",
    "sklearn.multioutput.MultiOutputClassifier": "sklearn_multi",
    "sklearn.multioutput.MultiOutputRegressor": "sklearn_multi",
    "sklearn.multioutput.ClassifierChain": "sklearn_multi",
    "sklearn.multioutput.RegressorChain": "sklearn_multi",
    "sklearn.multiclass.OneVsRestClassifier": "sklearn_multi",
    "sklearn.multiclass.OneVsOneClassifier": "sklearn_multi",
}

# ... of those that perfcore.dropin leaves as they are, since it serves their last step
PIPELINES = {"sklearn.pipeline.Pipeline": "sklearn_pipeline"}

# class -> the attribute that answers in its stead
STAND_INS = {
    "sklearn.frozen.FrozenEstimator": "estimator",
    "sklearn.model_selection.GridSearchCV": "best_estimator_",
    "sklearn.model_selection.RandomizedSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV": "best_estimator_",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV": "best_estimator_",
}


def read_object(source: Any, iteration_range: tuple[int, int] | None) -> Model:
    """Read a fitted estimator of one of the classes above, or of a subclass that answers as it does."""
    import sklearn

    if installed() < OLDEST:
        raise UnsupportedModelError(f"scikit-learn {sklearn.__version__} is installed; 1.6 or later is needed")
    name = known_class(source)
    refuse_overrides(source, sklearn_class(name))
    _refuse_unfitted(source)
    if name in STAND_INS:
        return read_member(_stand_in(source, STAND_INS[name]), iteration_range)
    module = (READERS | PIPELINES)[name]
    reader = import_module(f"{__package__}.{module}")
    origin = f"{name} (scikit-learn {sklearn.__version__})"
    is_boosting = module == "sklearn_boosting"
    if iteration_range is not None and not is_boosting:
        raise ConfigurationError(f"iteration_range={iteration_range}: {name} has no boosting iterations to choose from")
    try:
        return reader.read(source, origin, iteration_range) if is_boosting else reader.read(source, origin)
    except PerfcoreError:
        raise
    except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:  # as of an estimator that was edited
        raise UnsupportedModelError(f"{origin}: its attributes do not fit one another: {error}") from error


def installed() -> tuple[int, int]:
    """The version of scikit-learn whose answers are to be given."""
    import sklearn

    major, minor = sklearn.__version__.split(".")[:2]
    return int(major), int(minor)


def sklearn_class(name: str) -> type:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def known_class(source: Any) -> str:
    """The name in `READERS`, `PIPELINES` or `STAND_INS` of the class that an estimator is of, or derives from."""
    for base in type(source).__mro__:
        if base.__module__.partition(".")[0] == "sklearn":
            for name in (*READERS, *PIPELINES, *STAND_INS):
                if name.endswith("." + base.__name__) and sklearn_class(name) is base:
                    return name
    raise UnsupportedModelError(
        f"{type(source).__module__}.{type(source).__qualname__} is not read. "
        "Of scikit-learn, perfcore reads trees, forests, boosting, linear models, naive Bayes, MLP*, ensembles and "
        "pipelines; docs/support.md lists them"
    )


def _stand_in(source: Any, attribute: str) -> Any:
    if not hasattr(source, attribute):
        raise UnsupportedModelError(f"{type(source).__name__} without {attribute}: it was trained with refit=False")
    return getattr(source, attribute)


def _refuse_unfitted(source: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(source)
    except NotFittedError as error:
        raise ConfigurationError(str(error)) from None


def feature_names(source: Any) -> tuple[str, ...] | None:
    names = getattr(source, "feature_names_in_", None)
    return None if names is None else tuple(str(name) for name in names)


def class_labels(classes: np.ndarray) -> np.ndarray:
    """The classes, in an array of our own; `UnsupportedModelError` for labels that no file could hold."""
    classes = np.array(classes)
    plain = classes.dtype.kind in "biuU" or (classes.dtype.kind == "f" and classes.dtype.itemsize <= 8)
    if not plain and not (
        classes.dtype.kind == "O" and all(isinstance(each, str | int | float | None) for each in classes.tolist())
    ):
        raise UnsupportedModelError(f"class labels of dtype {classes.dtype}, allowed: numbers, bool, strings")
    if classes.dtype.kind == "O":
        classes[:] = [str(each) if isinstance(each, str) else each for each in classes.tolist()]
    classes.flags.writeable = False
    return classes


def class_labels_as_in(source: Any, known: np.ndarray, where: str) -> np.ndarray:
    """The ``classes_`` of an estimator, which answers with those that it ``known`` elsewhere: they must be the same."""
    if not np.array_equal(source.classes_, known):
        raise UnsupportedModelError(f"{type(source).__name__} whose classes_ were edited: those of {where} differ")
    return class_labels(known)


def is_multilabel(source: Any) -> bool:
    """Whether a RidgeClassifier or an MLPClassifier answers several labels at once, each yes or no."""
    binarizer = getattr(source, "_label_binarizer", None)
    if binarizer is None or not binarizer.y_type_.startswith("multilabel"):
        return False
    if binarizer.sparse_input_:
        raise UnsupportedModelError("it was trained on sparse labels, so its predict answers with a sparse matrix")
    return True
