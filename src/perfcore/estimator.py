"""What scikit-learn asks of a fitted estimator that is never trained again, as it asks FrozenEstimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .model import Model

# scikit-learn 1.9's Pipeline.fit writes this upon its last step before fitting it, and deletes it afterwards;
# a predictor, which trains nothing, drops it.
FIT_CONTEXT = "_parent_callback_ctx"


class Fitted:
    """The estimator interface of a `Predictor` beside its answers."""

    _model: Model

    def fit(self, X: Any, y: Any = None, **params: Any) -> Fitted:
        """Trains nothing and looks at nothing, as ``sklearn.frozen.FrozenEstimator``; returns the predictor itself."""
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters in scikit-learn's sense: a predictor has none."""
        return {}

    def set_params(self, **params: Any) -> Fitted:
        """Returns the predictor itself; `ConfigurationError` for any parameter."""
        if params:
            raise ConfigurationError(f"a predictor has no parameters to set; got {sorted(params)}")
        return self

    @property
    def score(self) -> Any:
        """``score(X, y, sample_weight=None)``: mean accuracy of a classifier, R² of a regressor, as scikit-learn's."""
        if self._model.answers.kind not in ("classifier", "regressor"):
            raise AttributeError(f"{self._model.origin} is neither classifier nor regressor, so it has no score")
        return self._score

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        from sklearn.metrics import accuracy_score, r2_score

        metric = accuracy_score if self._model.answers.kind == "classifier" else r2_score
        return metric(y, self.predict(X), sample_weight=sample_weight)  # type: ignore[attr-defined]

    @property
    def _estimator_type(self) -> str | None:
        return self._model.answers.kind

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Fitted:
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        kind, classes = self._model.answers.kind, self._model.answers.classes
        several = isinstance(classes, list) or (kind == "regressor" and self._model.n_targets > 1)
        n_classes = len(classes) if isinstance(classes, np.ndarray) else 0
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(
                required=kind in ("classifier", "regressor"), multi_output=several, single_output=not several
            ),
            transformer_tags=None,
            classifier_tags=ClassifierTags(multi_class=n_classes != 2) if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            input_tags=InputTags(allow_nan=getattr(self._model.inputs, "allows_nan", True)),
        )
