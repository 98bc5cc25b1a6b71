"""What a user changed in a class or an object of a framework: read where it has no part in an answer, else refused."""

import numpy as np
import pytest

import perfcore
from perfcore.errors import ConfigurationError, UnsupportedModelError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] > 0).astype(int)


def _classifiers():
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    found = {"forest": (RandomForestClassifier, {"n_estimators": 3})}
    found["boosting"] = (GradientBoostingClassifier, {"n_estimators": 3})
    try:
        from lightgbm import LGBMClassifier

        found["lightgbm"] = (LGBMClassifier, {"n_estimators": 3, "verbose": -1, "n_jobs": 1})
    except ImportError:
        pass
    try:
        from xgboost import XGBClassifier

        found["xgboost"] = (XGBClassifier, {"n_estimators": 3, "n_jobs": 1})
    except ImportError:
        pass
    try:
        from catboost import CatBoostClassifier

        quiet = {"verbose": 0, "thread_count": 1, "allow_writing_files": False}
        found["catboost"] = (CatBoostClassifier, {"n_estimators": 3, **quiet})
    except ImportError:
        pass
    return found


CLASSIFIERS = _classifiers()


@pytest.fixture(params=CLASSIFIERS)
def kind(request):
    return CLASSIFIERS[request.param]


def refused(model, match):
    with pytest.raises(UnsupportedModelError, match=match):
        perfcore.compile(model)


def test_a_subclass_that_trains_otherwise_is_read(kind):
    base, parameters = kind

    class Own(base):
        """Fits to the first half."""

        note = "of no part in an answer"

        def fit(self, X, y):
            return super().fit(X[: len(X) // 2], y[: len(y) // 2])

        def explain(self):
            return self.note

    Own.__name__ = base.__name__
    model = Own(**parameters).fit(X, Y)
    assert model.predict_proba(X).tobytes() == perfcore.compile(model).predict_proba(X).tobytes()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "__getattribute__"])
def test_a_subclass_with_an_answer_of_its_own_is_refused(kind, method):
    base, parameters = kind
    own = type("Own", (base,), {method: getattr(base, method, lambda self, X: X[:, 0]), "__module__": __name__})
    refused(own(**parameters).fit(X, Y), f"Own defines {method}")


def test_a_mixin_with_an_answer_of_its_own_is_refused(kind):
    base, parameters = kind

    class Flipped:
        def predict(self, X):
            return 1 - super().predict(X)

    own = type("Own", (Flipped, base), {"__module__": __name__})
    refused(own(**parameters).fit(X, Y), "Flipped defines predict")


def test_an_object_with_a_method_replaced_is_refused(kind):
    base, parameters = kind
    model = base(**parameters).fit(X, Y)
    model.predict_proba = lambda X: np.ones((len(X), 2))
    refused(model, "predict_proba replaced")


def test_what_the_framework_calls_on_the_way_counts():
    if "xgboost" in CLASSIFIERS:
        base, parameters = CLASSIFIERS["xgboost"]
        own = type("Own", (base,), {"_get_iteration_range": lambda self, given: (0, 1), "__module__": __name__})
        refused(own(**parameters).fit(X, Y), "_get_iteration_range")
        model = base(**parameters).fit(X, Y)
        model.get_booster().inplace_predict = lambda *args, **options: np.zeros(len(X))
        refused(model, "inplace_predict replaced")
    if "lightgbm" in CLASSIFIERS:
        base, parameters = CLASSIFIERS["lightgbm"]

        def early(self, stage):
            return {**base._process_params(self, stage), "pred_early_stop": True}

        refused(
            type("Own", (base,), {"_process_params": early, "__module__": __name__})(**parameters).fit(X, Y),
            "_process_params",
        )
        model = base(**parameters).fit(X, Y)
        model.booster_.predict = lambda *args, **options: np.zeros(len(X))
        refused(model, "predict replaced")
        refused(model.booster_, "predict replaced")
        model = base(**parameters).fit(X, Y)
        model._le.classes_ = np.array(["no", "yes"])
        refused(model, "label encoder")


def test_a_boosting_stage_of_another_kind_of_tree_is_refused():
    from sklearn.tree import DecisionTreeClassifier

    base, parameters = CLASSIFIERS["boosting"]
    model = base(**parameters).fit(X, Y)
    model.estimators_[1, 0] = DecisionTreeClassifier().fit(X, Y)
    refused(model, "leaves of shape")


def test_an_object_that_is_not_fitted_is_the_callers_mistake(kind):
    base, parameters = kind
    with pytest.raises(ConfigurationError, match="not fitted"):
        perfcore.compile(base(**parameters))
