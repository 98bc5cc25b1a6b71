"""XGBoost models -> the canonical model: files without xgboost, Boosters and estimators through their own bytes."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .._ext import links
from ..answers.xgboost import (
    ASCENDING,
    EXP,
    EXP_IN_DOUBLE,
    IDENTITY,
    LINKS,
    SIGMOID,
    XGBClassifierAnswers,
    XGBoostAnswers,
)
from ..errors import ConfigurationError, UnsupportedModelError
from ..inputs.xgboost import XGBoostInputs
from ..model import Forest, Model, OrderedSum
from .overrides import framework_class, refuse_overrides
from .xgboost_document import FIRST_WITH_BYTE_OFFSETS, Document, is_document, parse
from .xgboost_trees import read_trees

LAST_WITH_LEGACY_BINARY = (3, 0)
FIRST_WITH_CHECKED_CATEGORIES = (3, 1)
FIRST_WITH_EDGED_SCORES = (3, 2)  # a logistic base score within 1e-6 of 0 or 1 is moved there
FIRST_WITH_PLAIN_DART = (3, 3)  # until then inplace_predict took the base score into each dropped tree's product
FIRST_WITH_EMPTY_TABLES = (3, 4)
FIRST_WITH_SORTED_QUANTILES = (3, 4)

Range = tuple[int, int] | None


def read_file(path: str, iteration_range: Range = None) -> Model:
    """A model file, answering as ``xgboost.Booster(model_file=path).predict(DMatrix(X))``."""
    data = Path(path).read_bytes()
    if not is_document(data):
        return _read_legacy(path, iteration_range)
    document = parse(data, path)
    version = max(document.version, _version_at_hand())
    _refuse_unsettled(document, version)
    return _booster_model(document, version, iteration_range)


def read_object(source: Any, iteration_range: Range = None) -> Model:
    """A Booster, answering as ``predict(DMatrix(X))``, or an estimator, answering as its own methods."""
    import xgboost

    if isinstance(source, xgboost.Booster):
        refuse_overrides(source, xgboost.Booster)
        return _live_model(source, iteration_range)
    if isinstance(source, xgboost.XGBModel):
        return _estimator_model(source, iteration_range)
    raise UnsupportedModelError(
        f"{type(source).__module__}.{type(source).__qualname__}: perfcore reads xgboost.Booster and the XGB* estimators"
    )


def _live_model(booster: Any, iteration_range: Range) -> Model:
    import xgboost

    document = _document_of(booster)
    if _is_empty(document):
        row = xgboost.DMatrix(_no_cells(document))
        _check_empty(document, "xgboost.Booster", lambda **options: booster.predict(row, **options))
    return _booster_model(document, _installed(), iteration_range)


def _is_empty(document: Document) -> bool:
    return not document.trees and document.linear is None


def _check_empty(document: Document, name: str, predict: Callable[..., np.ndarray]) -> None:
    """A live model without trees may take its base score for a margin: one of no rounds, or, up to 3.2, one whose
    parameter ``booster`` was set after training, which drops the trees; an estimator of those answers nothing."""
    import xgboost

    try:
        margin = predict(output_margin=True, validate_features=False)
    except xgboost.core.XGBoostError as error:
        raise UnsupportedModelError(
            f"{name}: {_NO_TREES}, and xgboost itself fails to answer: {_first_line(error)}"
        ) from error
    if margin.tobytes() != _base(document, _installed()).tobytes():
        raise UnsupportedModelError(f"{name}: {_NO_TREES}, and its answer {margin.ravel()[0]!r} is not its base score")


_NO_TREES = "it has no trees, by training for no rounds or by setting the parameter 'booster' after training"


def _refuse_unsettled(document: Document, version: tuple[int, int]) -> None:
    """A file without trees whose base score was to be estimated: for a margin it stands since 3.1, not before."""
    if not _is_empty(document) or not document.estimates_base_score:
        return
    if _base(document, version).tobytes() != document.base_score.tobytes():
        raise UnsupportedModelError(
            f"{document.place}: it was trained for no rounds and without a base_score; "
            f"its answer for {document.objective} depends on the version of xgboost"
        )


def _first_line(error: Exception) -> str:
    """What xgboost says, without its stack."""
    return str(error).partition("\n")[0]


def _no_cells(document: Document) -> np.ndarray:
    return np.full((1, document.n_features), np.nan, np.float32)


def _installed() -> tuple[int, int]:
    import xgboost

    return _major_minor(xgboost.__version__)


def _version_at_hand() -> tuple[int, int]:
    """The installed xgboost, without importing it: that is the one that would answer for a file; or none."""
    package = find_spec("xgboost")
    if package is None or not package.submodule_search_locations:
        return (0, 0)
    note = Path(package.submodule_search_locations[0], "VERSION")
    return _major_minor(note.read_text()) if note.is_file() else (0, 0)


def _major_minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _document_of(booster: Any) -> Document:
    import xgboost

    try:
        data = booster.save_raw("ubj")
    except xgboost.core.XGBoostError as error:  # parameters set after training that do not fit the trees
        if "0 feature is supplied" in str(error):
            raise ConfigurationError("xgboost.Booster is not trained") from error
        raise UnsupportedModelError(
            f"xgboost.Booster: xgboost itself cannot write this model: {_first_line(error)}"
        ) from error
    return parse(bytes(data), "xgboost.Booster")


def _read_legacy(path: str, iteration_range: Range) -> Model:
    reason = f"{path} is XGBoost's legacy binary format, which only xgboost up to 3.0 opens"
    try:
        import xgboost
    except ImportError as error:
        raise UnsupportedModelError(f"{reason}; none is installed") from error
    if _installed() > LAST_WITH_LEGACY_BINARY:
        raise UnsupportedModelError(
            f"{reason}, and {xgboost.__version__} is installed; with an older one, "
            "Booster(model_file=...).save_model('model.ubj') makes a file that perfcore reads"
        )
    try:
        booster = xgboost.Booster(model_file=path)
    except xgboost.core.XGBoostError as error:
        raise UnsupportedModelError(
            f"xgboost {xgboost.__version__} does not open {path}: {_first_line(error)}"
        ) from error
    return _live_model(booster, iteration_range)


# -- boosters and estimators ------------------------------------------------------------------------------


def _booster_model(document: Document, version: tuple[int, int], iteration_range: Range) -> Model:
    begin, end = _rounds(document, iteration_range or (0, 0))
    return Model(
        body=_body(document, version, begin, end),
        inputs=_inputs(document, version, through_dmatrix=True),
        answers=XGBoostAnswers(
            link=_transform(document, version),
            empty_dimensions=_empty_dimensions(version),
            methods=("predict", *_leaf_methods(document, begin)),
        ),
        origin=_origin("xgboost.Booster", document),
    )


def _estimator_model(estimator: Any, iteration_range: Range) -> Model:
    import xgboost

    name = f"{type(estimator).__module__.partition('.')[0]}.{type(estimator).__qualname__}"
    if type(estimator).__module__.startswith(("xgboost.dask", "xgboost.spark")):
        raise UnsupportedModelError(f"{name}: distributed estimators answer lazily; compile their get_booster()")
    is_classifier = isinstance(estimator, xgboost.XGBClassifier)
    refuse_overrides(estimator, framework_class(estimator, "xgboost"))
    if not estimator.__sklearn_is_fitted__():
        raise ConfigurationError(f"{name} is not fitted")
    refuse_overrides(estimator.get_booster(), xgboost.Booster)
    document, version = _document_of(estimator.get_booster()), _installed()
    if estimator.missing is None:
        raise UnsupportedModelError(f"{name}: missing=None, with which its own predict fails; allowed: a number or NaN")
    is_linear = document.linear is not None
    if is_linear != (estimator.booster == "gblinear"):
        raise UnsupportedModelError(f"{name}: its parameter booster was changed after training")
    if is_linear and np.isinf(estimator.missing):
        raise UnsupportedModelError(f"{name}: missing={estimator.missing} of gblinear; allowed: a finite number or NaN")
    if _is_empty(document):
        _check_empty(document, name, lambda **options: estimator.predict(_no_cells(document), **options))
    begin, end = _rounds(document, _estimator_range(document, iteration_range))
    missing = float(np.float32(estimator.missing))
    recodes = document.categories is not None
    shared: dict[str, Any] = {
        "link": _transform(document, version),
        "empty_dimensions": _empty_dimensions(version),
    }
    apply = _leaf_methods(document, begin)
    if is_classifier:
        answers: XGBoostAnswers = XGBClassifierAnswers(
            **shared,
            kind="classifier",
            classes=np.arange(estimator.n_classes_),
            methods=("predict", "predict_proba", *apply),
            n_classes=int(estimator.n_classes_),
            objective=estimator.objective if isinstance(estimator.objective, str) else "custom",
        )
    else:
        kind = "regressor" if isinstance(estimator, xgboost.XGBRegressor) else None
        answers = XGBoostAnswers(**shared, kind=kind, methods=("predict", *apply))
    return Model(
        body=_body(
            document,
            version,
            begin,
            end,
            missing=float("nan") if recodes else missing,
            through_base=version < FIRST_WITH_PLAIN_DART,
        ),
        inputs=_inputs(
            document,
            version,
            through_dmatrix=is_linear,  # XGBModel._can_use_inplace_predict
            drops_qid=isinstance(estimator, xgboost.XGBRanker),
            missing=missing if recodes else float("nan"),
        ),
        answers=answers,
        origin=_origin(name, document),
    )


def _estimator_range(document: Document, iteration_range: Range) -> tuple[int, int]:
    """XGBModel._get_iteration_range: the best iteration, where early stopping noted one."""
    if iteration_range is not None and iteration_range[1] != 0:
        return iteration_range
    best = document.attributes.get("best_iteration")
    return (0, 0) if best is None else (0, int(best) + 1)


def _rounds(document: Document, iteration_range: tuple[int, int]) -> tuple[int, int]:
    """Boosting rounds [begin, end); end 0 stands for all, as in xgboost."""
    begin, end = (int(i) for i in iteration_range)
    if document.linear is not None:
        if begin != 0 or end < 0:
            raise ConfigurationError(
                f"iteration_range {tuple(iteration_range)}: gblinear answers from its first round on"
            )
        return 0, 0
    end = end or document.n_rounds
    if not 0 <= begin <= end <= document.n_rounds:
        raise ConfigurationError(
            f"iteration_range {tuple(iteration_range)}: allowed are 0 <= begin <= end <= {document.n_rounds}, "
            "the model's boosting rounds"
        )
    return begin, end


# -- the parts of a model -----------------------------------------------------------------------------------


def _leaf_methods(document: Document, begin: int) -> tuple[str, ...]:
    return ("apply",) if begin == 0 and document.linear is None else ()


def _body(document: Document, version: tuple[int, int], begin: int, end: int, **options: Any) -> Forest | OrderedSum:
    if document.linear is None:
        return _forest(document, version, begin, end, **options)
    weight, bias = document.linear[:-1], document.linear[-1]
    base = _base(document, version)[0]  # of the first output for all: gblinear.cc, PredictBatchInternal
    return OrderedSum(bias + base, np.array(weight), options.get("missing", float("nan")))


def _forest(
    document: Document,
    version: tuple[int, int],
    begin: int,
    end: int,
    missing: float = float("nan"),
    through_base: bool = False,
) -> Forest:
    base = _base(document, version)
    first, last = int(document.rounds[begin]), int(document.rounds[end])
    trees = read_trees(document, first, last)
    if document.weight is not None:
        for tree, weight, output in zip(trees, document.weight[first:last], document.output[first:last], strict=True):
            tree.value = _weighted(tree.value, weight, base[output] if through_base else None)
    return Forest.from_trees(
        trees,
        n_features=document.n_features,
        n_outputs=document.n_outputs,
        precision="float32",
        dtype="float32",
        base=base,
        missing=missing,
        truncates_negative=False,
    )


def _weighted(value: np.ndarray, weight: np.float32, base: np.float32 | None) -> np.ndarray:
    """Leaves times a dart weight, rounded where xgboost rounds."""
    with np.errstate(over="ignore", invalid="ignore"):
        return value * weight if base is None else ((base + value) - base) * weight


def _link(document: Document) -> str:
    if document.objective not in LINKS:
        raise UnsupportedModelError(
            f"{document.place}: objective {document.objective!r}; perfcore knows {', '.join(sorted(LINKS))}"
        )
    return LINKS[document.objective]


def _transform(document: Document, version: tuple[int, int]) -> str:
    link = _link(document)
    if link == ASCENDING and version < FIRST_WITH_SORTED_QUANTILES:
        return IDENTITY
    if document.objective == "reg:expectileerror" and document.n_outputs > 1:
        raise UnsupportedModelError(f"{document.place}: reg:expectileerror of more than one expectile is not read yet")
    return link


def _base(document: Document, version: tuple[int, int]) -> np.ndarray:
    """The margin of the base score, ObjFunction::ProbToMargin."""
    base, link = document.base_score.copy(), _link(document)
    if link == SIGMOID:
        edge = 1e-6 if version >= FIRST_WITH_EDGED_SCORES else 0.0
        if not ((base >= 0) & (base <= 1) & ((edge > 0) | ((base > 0) & (base < 1)))).all():
            raise UnsupportedModelError(f"{document.place}: base_score {base} for a logistic loss; allowed: 0 to 1")
        links.logit_f32(base[None, :], edge)
    elif link in (EXP, EXP_IN_DOUBLE):
        if document.objective == "reg:gamma" and not (base > 0).all():
            raise UnsupportedModelError(f"{document.place}: base_score {base} for reg:gamma; allowed: above 0")
        links.log_f32(base[None, :])
    return base


def _inputs(document: Document, version: tuple[int, int], **rest: Any) -> XGBoostInputs:
    return XGBoostInputs(
        n_features=document.n_features,
        feature_names=document.feature_names,
        categories=document.categories,
        counts_characters=version < FIRST_WITH_BYTE_OFFSETS,
        checks_categories=version >= FIRST_WITH_CHECKED_CATEGORIES,
        **rest,
    )


def _empty_dimensions(version: tuple[int, int]) -> int:
    return 1 if version < FIRST_WITH_EMPTY_TABLES else 2


def _origin(name: str, document: Document) -> str:
    return f"{name} ({'.'.join(map(str, document.version))}), objective {document.objective}"
