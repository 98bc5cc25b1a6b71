"""A small model of each kind in each file format, made without any framework: to be cut, changed and fuzzed."""

from __future__ import annotations

import copy
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from cbm_files import cbm
from lightgbm_texts import Split, TreeText, model_text
from xgboost_documents import as_ubjson, document, tree

from perfcore.answers.bagging import BaggingAnswers, BoostedMedianAnswers, BoostedVoteAnswers
from perfcore.answers.calibration import Calibrated, CalibratedAnswers, Isotonic, Sigmoid
from perfcore.answers.multiclass import OneVsOneAnswers, OneVsRestAnswers
from perfcore.answers.multioutput import ChainAnswers, MultiOutputAnswers
from perfcore.answers.sklearn import BoostingAnswers, TreeAnswers
from perfcore.answers.sklearn_bayes import BayesAnswers, DiscriminantAnswers
from perfcore.answers.sklearn_linear import LinearAnswers
from perfcore.answers.sklearn_network import NetworkAnswers
from perfcore.answers.stacking import StackingAnswers
from perfcore.answers.target import Scaler, TransformedTargetAnswers
from perfcore.answers.voting import AveragingAnswers, VotingAnswers
from perfcore.inputs.ensemble import PassedOn
from perfcore.inputs.sklearn import CategoryInputs, LinearInputs, NumericInputs
from perfcore.model import DiagonalGaussians, Ensemble, Forest, Gaussians, Linear, Model, Network, Tree
from perfcore.model.file import to_bytes
from perfcore.readers import read
from perfcore.readers.catboost_cbm import STEPS, CbmModel, FloatFeature
from perfcore.readers.catboost_ctr import (
    BORDERS,
    COUNTER,
    MATCHES,
    SPLITS,
    Base,
    Categories,
    CategoryFeature,
    Counter,
    Counts,
    OneHot,
    Projection,
)

CODES, NO_YES = np.array([0, 1]), np.array(["no", "yes"])
DOCUMENTS = Path(__file__).parent / "data" / "xgboost"


# -- LightGBM ---------------------------------------------------------------------------------------------


def lightgbm_texts() -> dict[str, bytes]:
    plain = TreeText([Split(0, 0.5, 2, 1, ~1), Split(1, -1e-35, 8, ~0, ~2)], [0.25, -1.5, 3e-5])
    alone = TreeText([], [0.75])
    sets = TreeText([Split(1, 0.0, 1, ~0, 1), Split(1, 1.0, 9, ~1, ~2)], [1.0, 2.0, -3.0], [[1, 3, 40], [0]])
    linear = TreeText([Split(0, 1.25, 10, ~0, ~1)], [0.5, -0.5], [], [(0.5, [0, 1], [2.0, -0.25]), (0.1, [], [])])
    footer = (
        "\nparameters:\n[boosting: gbdt]\n[categorical_feature: 1]\n\nend of parameters\n\n"
        'pandas_categorical:[["a", "b", null, 2.5]]'
    )
    texts = {
        "plain": model_text([plain, alone], 2),
        "categories": model_text([sets], 2, "binary sigmoid:0.5").replace("\npandas_categorical:null", footer),
        "linear": model_text([linear, alone], 2, "poisson"),
        "classes": model_text([plain, alone, sets], 2, "multiclass num_class:3", n_outputs=3),
        "forest": model_text([plain, sets], 2, averages=True, version="v3"),
    }
    oldest = model_text([plain, sets], 2, "", version="v2")
    lines = [line for line in oldest.splitlines(keepends=True) if not line.startswith("tree_sizes=")]
    return {name: text.encode() for name, text in (texts | {"oldest": "".join(lines)}).items()}


# -- XGBoost ----------------------------------------------------------------------------------------------


def xgboost_documents() -> dict[str, dict]:
    plain = tree([("split", 1, 0.5, True, 1, 2), ("leaf", 1.5), ("split", 0, -2.0, False, 3, 4), ("leaf", -1.0),
                  ("leaf", 2.0)], 2)  # fmt: skip
    sets = tree([("split", 0, [1, 3, 40], False, 1, 2), ("leaf", 0.25), ("leaf", -0.5)], 2)
    alone = tree([("leaf", 0.125)], 2)
    dart = document([plain, alone], 2, objective="binary:logistic")
    boosted = dart["learner"].pop("gradient_booster")
    dart["learner"]["gradient_booster"] = {"name": "dart", "gbtree": boosted, "weight_drop": [0.5, 0.25]}
    names = document([sets], 2)
    names["learner"]["feature_names"] = ["a", "b"]
    model = names["learner"]["gradient_booster"]["model"]
    model["cats"]["enc"] = [{"offsets": [0, 1, 3], "values": [97, 98, 99]}, {"offsets": [], "values": []}]
    linear = document([], 2)
    linear["learner"]["gradient_booster"] = {"name": "gblinear", "model": {"weights": [0.5, -2.0, 0.25]}}
    vectors = document([copy.deepcopy(plain)], 2)
    vectors["learner"]["learner_model_param"] |= {"num_target": "2", "base_score": "[1E0,5E-1]"}
    (record,) = vectors["learner"]["gradient_booster"]["model"]["trees"]
    record["tree_param"]["size_leaf_vector"] = "2"
    record["right_children"] = [2, 0, 4, 1, 2]
    record["leaf_weights"] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    return {
        "plain": document([plain, alone], 2),
        "classes": document([plain, alone, sets], 2, objective="multi:softprob", n_classes=3),
        "dart": dart,
        "categories": names,
        "vectors": vectors,
        "linear": linear,
    }


def xgboost_json() -> dict[str, bytes]:
    return {name: json.dumps(each, separators=(",", ":")).encode() for name, each in xgboost_documents().items()}


def xgboost_ubjson() -> dict[str, bytes]:
    return {name: as_ubjson(each) for name, each in xgboost_documents().items()}


def trained_documents(suffix: str) -> dict[str, bytes]:
    """What versions of xgboost wrote (tests/data/xgboost)."""
    found = sorted(DOCUMENTS.glob(f"*{suffix}"))
    return {path.stem: path.read_bytes() for path in found if ".answers" not in path.name}


# -- CatBoost ---------------------------------------------------------------------------------------------


def catboost_files() -> dict[str, bytes]:
    features = [
        FloatFeature(0, "width", np.array([-0.5, 0.5], np.float32), False, 0),
        FloatFeature(2, "", np.array([-1.0, np.inf], np.float32), True, 1),
    ]
    notes = {"params": '{"loss_function": {"type": "Logloss"}}', "catboost_version_info": "x\ntags/v1.2.8\n"}
    symmetric = {
        "splits": np.array([0, 3, 1], np.int32),
        "sizes": np.array([2, 0, 1], np.int32),
        "starts": np.array([0, 2, 2], np.int32),
        "steps": np.empty(0, STEPS),
        "leaf_of_step": np.empty(0, np.uint32),
    }
    stepped = {
        "splits": np.array([0, 2, 0, 3, 0], np.int32),
        "sizes": np.array([5], np.int32),
        "starts": np.array([0], np.int32),
        "steps": np.array([(1, 2), (0, 2), (0, 0), (0, 1), (0, 0)], STEPS),
        "leaf_of_step": np.array([9, 0, 1, 2, 3], np.uint32),
    }
    of_categories = symmetric | {"splits": np.array([4, 5, 6], np.int32)}
    kinds = {
        "symmetric": (1, symmetric, 7, [0.25], NO_CATEGORIES),
        "classes": (2, symmetric, 14, [0.0, 0.0], NO_CATEGORIES),
        "stepped": (1, stepped, 4, [0.0], NO_CATEGORIES),
        "categories": (1, of_categories, 7, [0.0], _categories()),
    }
    files = {}
    for name, (width, arrays, n, bias, categories) in kinds.items():
        rest = {"leaves": np.arange(n) / 7, "scale": 1.0, "bias": np.array(bias), "info": {}}
        files[name] = cbm(CbmModel("", width, features, categories, **arrays, **rest), notes)
    return files


NO_CATEGORIES = Categories([], [], [], {})


def _categories() -> Categories:
    """One of two values by itself, counters of one column, and of two together with what the others are asked."""
    alone = Projection(np.array([0], np.int32).tobytes(), b"", b"")
    mixed = Projection(
        np.array([0, 1], np.int32).tobytes(),
        np.array([(0, 0.5)], SPLITS).tobytes(),
        np.array([(1, 1400211492)], MATCHES).tobytes(),
    )
    key, places = np.array([7, 2**64 - 1], np.uint64), np.array([0, 1], np.uint32)
    tables = {
        Base(alone, COUNTER, 0): Counts(key, places, np.array([3, 4], "<i4").view(np.uint8), 9, 0),
        Base(mixed, BORDERS, 0): Counts(key, places, np.array([3, 4, 5, 6], "<i4").view(np.uint8), 0, 2),
    }
    borders = np.array([0.5, 1.5], np.float32)
    return Categories(
        features=[CategoryFeature(0, 1, "", True), CategoryFeature(1, 3, "height", True)],
        one_hots=[OneHot(1, np.array([1400211492], np.int32))],
        counters=[Counter(base, 0, (0.5, 1.0), 0.0, 15.0, borders) for base in tables],
        tables=tables,
    )


# -- perfcore's own ---------------------------------------------------------------------------------------


def pcore_models() -> dict[str, Model]:
    """One of each pair of inputs and answers: what the files above become, and scikit-learn's."""
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        for kind, files in (
            ("lightgbm", lightgbm_texts()),
            ("xgboost", xgboost_json()),
            ("catboost", catboost_files()),
        ):
            for name, data in files.items():
                path.write_bytes(data)
                models[f"{kind} {name}"] = read(path)
    tree = Tree(
        feature=np.array([0, 1]),
        threshold=np.array([0.5, 0.0]),
        left=np.array([~0, ~1]),
        right=np.array([1, ~2]),
        flags=np.array([1, 4 | 8]),
        value=np.array([0.25, -0.75, 0.5]),
        sets={1: np.array([0b1010, 0b1], np.uint32)},
    )
    forest = Forest.from_trees([tree, tree], n_features=2, n_outputs=1, precision="float64", dtype="float64")
    vector = Tree(
        feature=np.array([1]), threshold=np.array([0.5]), left=np.array([~0]), right=np.array([~1]),
        flags=np.array([0]), value=np.array([[0.25, 0.75], [1.0, 0.0]]), output=-1,
    )  # fmt: skip
    votes = Forest.from_trees([vector] * 2, n_features=2, n_outputs=2, precision="float32", dtype="float64")
    numbers = NumericInputs(2, ("width", "höhe"), "RandomForestClassifier", "float32", "nan")
    categories = CategoryInputs(2, None, (None, np.array(["a", None, 3, 2.5, True], object)))
    linear = Linear(np.array([[0.5, 2.0], [1.0, -2.0], [0.0, 1.0]], order="F"), np.array([0.5, 0.25, 0.0]), 1)
    return (
        models
        | _ensembles()
        | {
            "sklearn forest": Model(votes, numbers, TreeAnswers((NO_YES,), 2), "tests"),
            "sklearn categories": Model(forest, categories, BoostingAnswers(NO_YES, "logit", True, 1), "tests"),
            "sklearn linear": Model(linear, LinearInputs(2, None, "X"), LinearAnswers(np.array([1, 2, 3])), "tests"),
        }
    )


def _ensembles() -> dict[str, Model]:
    """scikit-learn's models of models, and the bodies that are no forests."""
    inputs = LinearInputs(2, None, "X")
    priors, means = np.array([0.25, 0.75]), np.array([[0.0, 1.0], [2.0, -1.0]])
    bayes = Model(DiagonalGaussians(priors, means, means**2 + 1), inputs, BayesAnswers(CODES), "tests")
    discriminant = Model(
        Gaussians(priors, means, (np.eye(2), np.eye(2)), (means[1] ** 2, means[1] ** 2)),
        inputs,
        DiscriminantAnswers(CODES),
        "tests",
    )
    network = Model(
        Network((means, means[:, :1]), (priors, priors[:1]), "tanh"), inputs, NetworkAnswers(CODES, "logistic"), "tests"
    )
    linear = Model(Linear(means[0], np.array([0.5])), inputs, LinearAnswers(None), "tests")
    of_three = Model(Linear(np.ones(4), np.array([0.5])), replace(inputs, n_features=4), LinearAnswers(None), "tests")
    chained = Model(Linear(np.ones(3), np.array([0.5])), replace(inputs, n_features=3), LinearAnswers(None), "tests")
    both, proba = (bayes, network), ("predict", "predict_proba")
    sigmoid = Sigmoid(np.array([-1.5]), np.array([0.25]))
    isotonic = Isotonic(np.array([0.0, 1.0]), np.array([0.25, 0.5]))
    parts = {
        "voting": (both, VotingAnswers(NO_YES, 2, np.array([0.5, 2.0]), True)),
        "averaging": ((linear, linear), AveragingAnswers(2, None)),
        "stacking": ((linear, linear, of_three), StackingAnswers((), ("predict",) * 2, True, True, ("predict",))),
        "outputs": (both, MultiOutputAnswers((CODES, NO_YES), 2, proba)),
        "chain": ((linear, chained), ChainAnswers((), (1, 0), "predict", ("predict",))),
        "rest": (both, OneVsRestAnswers(NO_YES, (0, 1), (), ("predict_proba",) * 2, "multiclass", 0.5, proba)),
        "pairs": ((bayes,) * 3, OneVsOneAnswers(np.array([1, 2, 3]), ("predict_proba",) * 3, 0.5)),
        "calibrated": (both, CalibratedAnswers(NO_YES, tuple(
            Calibrated("predict_proba", True, (0, 1), (each,)) for each in (sigmoid, isotonic)
        ))),
        "bagging": (both, BaggingAnswers(NO_YES, (np.arange(2),) * 2, (CODES,) * 2, (False, False), 1, proba)),
        "votes": (both, BoostedVoteAnswers(NO_YES, 2, np.array([0.5, 2.0]))),
        "median": ((linear, linear), BoostedMedianAnswers(np.array([0.5, 2.0]))),
        "target": ((linear,), TransformedTargetAnswers(Scaler("standard", np.array([2.0]), np.array([1.0])), True, 1)),
    }  # fmt: skip
    alone = {"sklearn bayes": bayes, "sklearn discriminant": discriminant, "sklearn network": network}
    return alone | {
        f"sklearn {name}": Model(Ensemble.of(members), PassedOn(2, None, False), answers, "tests")
        for name, (members, answers) in parts.items()
    }


def pcore_files() -> dict[str, bytes]:
    return {name: to_bytes(model) for name, model in pcore_models().items()}
