"""CatBoost models -> the canonical model: ``.cbm`` files without CatBoost, live objects through their own bytes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..answers.catboost import CLASS, EXPONENT, RAW, SIGMOID, SOFTMAX, UNCERTAINTY, CatBoostAnswers
from ..errors import ConfigurationError, ModelFormatError, UnsupportedModelError
from ..inputs.catboost import CatBoostInputs
from ..inputs.catboost_categories import CatBoostCategoryInputs
from ..model import Forest, Model
from .catboost_cbm import CbmModel, parse
from .catboost_counters import Counters
from .catboost_trees import read_trees
from .overrides import framework_class, refuse_overrides

MOST_COLUMNS = 1_000_000
MOST_CLASSES = 1_000_000

# The losses whose raw values are one logit, and those with a logit for each class (eval_helpers.cpp, PrepareEval).
BINARY = frozenset({"Logloss", "CrossEntropy"})
EACH_ITS_OWN = frozenset({"MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy"})
SEVERAL_LABELS = frozenset({"MultiLogloss", "MultiCrossEntropy"})

Range = tuple[int, int] | None


def read_file(path: str, iteration_range: Range = None) -> Model:
    """A ``.cbm`` file, answering as ``catboost.CatBoost().load_model(path)``; CatBoost need not be installed."""
    model = parse(Path(path).read_bytes(), path)
    return _model(model, iteration_range, f"CatBoost file ({model.version}), loss {model.loss}", _base_answers(model))


def read_object(source: Any, iteration_range: Range = None) -> Model:
    """A live CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker, or a subclass of theirs."""
    import catboost

    name = f"{type(source).__module__.partition('.')[0]}.{type(source).__qualname__}"
    if not isinstance(source, catboost.CatBoost):
        raise UnsupportedModelError(f"{name}: perfcore reads catboost.CatBoost and the CatBoost* estimators")
    refuse_overrides(source, framework_class(source, "catboost"))
    if not source.is_fitted():
        raise ConfigurationError(f"{name} is not fitted")
    data = bytes(source._serialize_model())
    model = parse(data, name)
    _refuse_stale(source, model, data)
    answers = _base_answers(model)
    if isinstance(source, catboost.CatBoostClassifier):
        answers = _classifier_answers(source, model)
    elif isinstance(source, catboost.CatBoostRegressor):
        answers = CatBoostAnswers(**_shared(model), kind="regressor", prediction=_regressor_prediction(source))
    return _model(model, iteration_range, f"{name} ({catboost.__version__}), loss {model.loss}", answers)


def _refuse_stale(source: Any, model: CbmModel, data: bytes) -> None:
    """A model whose leaves were set after its first answer goes on answering with the old ones."""
    import catboost

    rng = np.random.default_rng(0)
    rows = np.zeros((256, _n_columns(model)), object if model.categories.features else np.float32)
    for feature in model.features:
        if len(feature.borders):
            with np.errstate(over="ignore"):
                above = np.nextafter(feature.borders, np.float32(np.inf))
            rows[:, feature.column] = rng.choice(np.concatenate([feature.borders, above]), len(rows))
    for category in model.categories.features:  # whatever a file knows them by, it does not hold their texts
        rows[:, category.column] = rng.integers(0, 10, len(rows))
    saved = catboost.CatBoost().load_model(blob=data)
    answer, expected = (catboost.CatBoost.predict(each, rows, thread_count=1) for each in (source, saved))
    if answer.tobytes() != expected.tobytes():
        raise UnsupportedModelError(
            f"{model.place}: this object answers otherwise than what it saves; leaf values set after a first answer do "
            "that. Save the model and compile the file, or load it again"
        )


# -- answers ------------------------------------------------------------------------------------------------------


def _shared(model: CbmModel) -> dict[str, Any]:
    bias = model.bias if model.bias.any() else None
    return {"n_outputs": model.dimension, "scale": model.scale, "bias": bias, **_seen_classes(model)}


def _seen_classes(model: CbmModel) -> dict[str, Any]:
    """Of classes that were declared, those that training saw."""
    record = model.json("class_params")
    seen, names, count = (record.get(key) for key in ("class_to_label", "class_names", "classes_count"))
    if model.dimension == 1 or not isinstance(seen, list):
        return {}
    declared = len(names) if isinstance(names, list) and names else count or len(seen)
    if declared == model.dimension and seen == list(range(model.dimension)):
        return {}
    known = range(declared if isinstance(declared, int) and declared <= MOST_CLASSES else 0)
    if len(seen) != model.dimension or any(type(label) is not int or label not in known for label in seen):
        raise UnsupportedModelError(
            f"{model.place}: {model.dimension} outputs for the classes {seen!r:.80} of {declared!r:.80} declared"
        )
    return {"n_declared": declared, "seen": np.array(seen, np.int64)}


def _base_answers(model: CbmModel) -> CatBoostAnswers:
    """catboost.CatBoost, which answers raw values, and probabilities on demand."""
    return CatBoostAnswers(**_shared(model), prediction=RAW, probability=_probability(model))


def _probability(model: CbmModel) -> str | None:
    if model.loss in BINARY or model.loss in EACH_ITS_OWN:
        return SIGMOID
    return SOFTMAX if model.loss == "MultiClass" else None


def _classifier_answers(source: Any, model: CbmModel) -> CatBoostAnswers:
    probability = _probability(model)
    if probability is None:  # a loss of the user's own: eval_helpers.cpp goes by the number of outputs
        probability = SIGMOID if model.dimension == 1 else SOFTMAX
    labels, shared = np.array(source.classes_), _shared(model)
    if len(labels) != shared.get("n_declared", max(2, model.dimension)):
        raise UnsupportedModelError(f"{model.place}: {len(labels)} classes, {model.dimension} outputs")
    return CatBoostAnswers(
        **shared,
        kind="classifier",
        prediction=CLASS,
        probability=probability,
        classes=labels,
        several_labels=model.loss in SEVERAL_LABELS,
        threshold=_logit(source.get_probability_threshold()),
    )


def _logit(probability: float) -> float:
    if probability in (0.0, 1.0):
        return -math.inf if probability == 0.0 else math.inf
    return -math.log(1.0 / probability - 1.0)


def _regressor_prediction(source: Any) -> str:
    known = {"RawFormulaVal": RAW, "Exponent": EXPONENT, "RMSEWithUncertainty": UNCERTAINTY}
    wanted = source._get_default_prediction_type()
    if wanted not in known:
        raise UnsupportedModelError(f"prediction type {wanted}, known: {', '.join(known)}")
    return known[wanted]


# -- the parts of a model -----------------------------------------------------------------------------------------


def _model(model: CbmModel, iteration_range: Range, origin: str, answers: CatBoostAnswers) -> Model:
    begin, end = _trees(len(model.sizes), iteration_range, model.place)
    inputs, cell_of_border = _category_inputs(model) if model.categories.features else _numeric_inputs(model)
    body = Forest.from_trees(
        read_trees(model, cell_of_border, begin, end),
        n_features=inputs.n_cells,
        n_outputs=model.dimension,
        precision="float32",
        dtype="float64",
    )
    return Model(body, inputs, answers.from_tree(begin), origin)


def _trees(n_trees: int, iteration_range: Range, place: str) -> tuple[int, int]:
    """Trees [begin, end), a tree an iteration; apply.cpp, FixupTreeEnd."""
    if n_trees == 0:
        raise UnsupportedModelError(f"{place}: a model without trees, for which CatBoost has no answer")
    if iteration_range in (None, (0, 0)):
        return 0, n_trees
    begin, end = iteration_range
    if not 0 <= begin < end <= n_trees:
        raise ConfigurationError(
            f"iteration_range {iteration_range}: allowed are 0 <= begin < end <= {n_trees}, the model's trees"
        )
    return begin, end


def _n_columns(model: CbmModel) -> int:
    numbers, categories = model.features, model.categories.features
    return max([feature.column for feature in numbers] + [feature.column for feature in categories], default=-1) + 1


def _numeric_inputs(model: CbmModel) -> tuple[CatBoostInputs, np.ndarray]:
    """The inputs, and the column that each border is asked of."""
    if model.categories.one_hots or model.categories.counters:
        raise ModelFormatError(f"{model.place}: one-hot or counter features without categorical ones")
    columns = np.repeat([f.column for f in model.features], [len(f.borders) for f in model.features])
    return CatBoostInputs(**_columns(model)), columns.astype(np.int64)


def _category_inputs(model: CbmModel) -> tuple[CatBoostCategoryInputs, np.ndarray]:
    """The inputs, and the cell that each border and one-hot value is asked of."""
    floats = [feature for feature in model.features if len(feature.borders)]
    categories = model.categories.features
    counters = Counters(model, floats)
    shared = _columns(model)
    is_category = np.zeros(len(shared["is_used"]), bool)
    is_category[[feature.column for feature in categories]] = True
    inputs = CatBoostCategoryInputs(
        **shared,
        is_category=is_category,
        floats=np.array([feature.column for feature in floats], np.int32),
        categories_used=np.array([feature.column for feature in categories if feature.is_used], np.int32),
        counters=counters.tables(),
    )
    return inputs, counters.cell_of_border()


def _columns(model: CbmModel) -> dict[str, Any]:
    n = _n_columns(model)
    if not 1 <= n <= MOST_COLUMNS:
        raise UnsupportedModelError(f"{model.place}: {n} columns, allowed: 1..{MOST_COLUMNS}")
    names, is_used = [""] * n, np.zeros(n, bool)
    for feature in model.features:
        names[feature.column], is_used[feature.column] = feature.name, len(feature.borders) > 0
    for category in model.categories.features:
        if is_used[category.column] or names[category.column]:
            raise ModelFormatError(f"{model.place}: two features of column {category.column}")
        names[category.column], is_used[category.column] = category.name, category.is_used
    return {"n_features": n, "feature_names": tuple(names) if any(names) else None, "is_used": is_used}
