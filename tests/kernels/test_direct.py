"""Plain arrays answered in compiled code, against the predictor's general methods: the same bits, types and errors.

The general methods are those of the class: ``Predictor.predict(fast, X)``.
"""

import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest
from forests import Recipe, layouts, make_forest, make_table

from perfcore import Predictor
from perfcore._ext.calls import Calls
from perfcore._ext.direct import Predict
from perfcore.answers.catboost import CatBoostAnswers
from perfcore.answers.lightgbm import LightGBMAnswers
from perfcore.answers.sklearn import BoostingAnswers, TreeAnswers
from perfcore.answers.xgboost import LINKS, XGBClassifierAnswers, XGBoostAnswers
from perfcore.inputs import Plain
from perfcore.inputs.catboost import CatBoostInputs
from perfcore.inputs.lightgbm import LightGBMInputs
from perfcore.inputs.sklearn import NumericInputs
from perfcore.inputs.table import ROUNDS_TO_INFINITY
from perfcore.inputs.xgboost import XGBoostInputs
from perfcore.model import Model

METHODS = ("predict", "predict_proba")
WIDTH = 5
NAMES = tuple("abcde")
PROBA = ("predict", "predict_proba", "apply")

ANSWERS = {
    f"lightgbm {link}, {n} outputs, divisor {divisor}": ("float64", n, LightGBMAnswers(n, link, 0.7, divisor))
    for link in ("identity", "exp", "logistic", "expit", "log1p_exp", "signed_square", "softmax")
    for n in (1, 3)
    for divisor in (0, 7)
}
ANSWERS |= {
    f"lightgbm classifier {proba} of {labels}": (
        "float64",
        n,
        LightGBMAnswers(n, link, classes=labels, kind="classifier", methods=PROBA, proba=proba),
    )
    for proba, n, link, labels in [
        ("two", 1, "logistic", np.array(["no", "yes"])),
        ("two", 1, "logistic", np.array([None, 0.5], object)),
        ("columns", 3, "softmax", np.array([7, 8, 9], np.uint8)),
        ("columns", 100, "softmax", np.arange(100.0)),
        ("raw", 1, "identity", np.array([0, 1])),
        ("raw", 3, "identity", np.array([0, 1, 2])),
    ]
}
ANSWERS |= {
    f"xgboost {link}, {n} outputs": ("float32", n, XGBoostAnswers(link, 2))
    for link in sorted(set(LINKS.values()))
    for n in (1, 3, 100)
}
ANSWERS |= {
    f"xgboost classifier {link}, {n} outputs, {n_classes} classes, {objective}": (
        "float32",
        n,
        XGBClassifierAnswers(link, 2, methods=PROBA, n_classes=n_classes, objective=objective),
    )
    for link, n, n_classes, objective in [
        ("sigmoid", 1, 2, "binary:logistic"),
        ("identity", 1, 2, "custom"),
        ("hinge", 1, 2, "binary:hinge"),
        ("softmax", 4, 4, "multi:softprob"),
        ("softmax", 80, 80, "multi:softprob"),
        ("softmax", 2, 2, "multi:softprob"),
        ("argmax", 4, 4, "multi:softmax"),
        ("sigmoid", 3, 2, "binary:logistic"),
        ("sigmoid", 3, 4, "custom"),
    ]
}
ANSWERS |= {
    f"{'two times ' * (len(labels) > 1)}trees {[each.tolist() for each in labels]} of {n_averaged}, {n} outputs": (
        "float64",
        n,
        TreeAnswers(labels, n_averaged),
    )
    for n, labels in [
        (1, ()),
        (3, ()),
        (1, (np.array(["alone"]),)),
        (2, (np.array([False, True]),)),
        (3, (np.array(["a", "bb", None], object),)),
        (4, (np.array(["u", "v"]), np.array(["x", "y"]))),
    ]
    for n_averaged in (None, 7)
}
ANSWERS |= {
    f"{'histogram ' * is_histogram}boosting {link} {dtype} of {labels}": (
        dtype,
        n,
        BoostingAnswers(labels, link, is_histogram, n),
    )
    for is_histogram in (False, True)
    for dtype, n, labels, link in [
        ("float64", 1, None, "identity"),
        ("float64", 1, None, "log"),
        ("float64", 1, np.array(["no", "yes"]), "logit"),
        ("float32", 1, np.array(["no", "yes"]), "logit"),  # made up: no reader makes it
        ("float64", 1, np.array([0, 1]), "half_logit"),
        ("float64", 3, np.array([0.5, 1.5, 2.5]), "multinomial_logit"),
    ]
}
ANSWERS |= {
    f"catboost {prediction} {probability}, {n} outputs, scale {scale}, bias {bias}, {labels}": (
        "float64",
        n,
        CatBoostAnswers(
            n,
            scale,
            None if bias == 0 else np.full(n, bias),
            prediction,
            probability,
            classes=None if labels is None else np.array(labels, object),
            threshold=0.25,
        ),
    )
    for prediction, probability, n, labels in [
        ("raw", None, 1, None),
        ("raw", "sigmoid", 1, None),
        ("raw", None, 3, None),
        ("exponent", None, 1, None),
        ("uncertainty", None, 2, None),
        ("class", "sigmoid", 1, ["no", 1]),
        ("class", "sigmoid", 3, [0, 1, 2]),
        ("class", "softmax", 5, list("abcde")),
    ]
    for scale, bias in [(1.0, 0.0), (1.0, 0.3), (0.5, 0.3)]
}


def make_predictor(dtype="float64", n_outputs=1, answers=None, inputs=None, n_trees=9, values=None, seed=4):
    precision = getattr(inputs, "precision", "float64")
    recipe = Recipe(
        seed, WIDTH, n_trees, dtype=dtype, n_outputs=n_outputs, vector_leaves=n_outputs > 5, precision=precision
    )
    forest, numbers = make_forest(recipe)
    if values is not None:
        forest = make_forest_of(forest, values)
    answers = answers or LightGBMAnswers(n_outputs, "identity")
    return Predictor(Model(forest, inputs or LightGBMInputs(WIDTH, None), answers, "made up")), numbers


def make_forest_of(forest, values):
    cells = np.random.default_rng(1).choice(np.array(values, forest.value.dtype), forest.value.shape)
    return type(forest)(**{**vars(forest), "value": cells})


def told(call, *args, **options):
    """All that a caller sees of an answer: type, dtype, shape, strides and bits; or the error and its text."""
    try:
        with np.errstate(all="ignore"):
            return seen(call(*args, **options))
    except Exception as error:
        return type(error), str(error)


def seen(answer):
    if isinstance(answer, list):
        return [seen(each) for each in answer]
    if isinstance(answer, np.ndarray):
        strides = answer.strides if len(answer) > 1 else None
        bits = answer.tolist() if answer.dtype == object else answer.tobytes()
        return type(answer), answer.dtype, answer.shape, strides, answer.flags.writeable, bits
    return type(answer), answer.tobytes() if isinstance(answer, np.generic) else answer


def direct_methods(fast):
    return [name for name in (*METHODS, *(f"{name}_one" for name in METHODS)) if name in vars(fast)]


@pytest.mark.parametrize("values", [None, [np.nan, 1.0], [np.inf, -np.inf, 3.0], [-0.0], [800.0, -800.0, 1e-30]])
@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_the_general_methods(name, values):
    dtype, n_outputs, answers = ANSWERS[name]
    fast, numbers = make_predictor(dtype, n_outputs, answers, values=values)
    X = make_table(Recipe(1), numbers, 70)
    tables = {**layouts(X), "one row": X[:1].copy(), "two rows": X[:2].copy(), "no rows": X[:0]}
    for method in set(METHODS) & set(answers.methods):
        general, general_one = getattr(Predictor, method), getattr(Predictor, f"{method}_one")
        for layout, table in tables.items():
            assert told(getattr(fast, method), table) == told(general, fast, table), (method, layout)
            for row in table[:9]:
                alone = told(getattr(fast, f"{method}_one"), row)
                assert alone == told(general_one, fast, row), (method, layout)


def test_answers_are_compiled_but_where_numpy_has_the_last_word_or_there_are_several_arrays():
    lacking = {
        (method, name.partition(" [")[0].removeprefix("histogram "))
        for name, (_, n_outputs, answers) in ANSWERS.items()
        for method in set(METHODS) & set(answers.methods)
        if answers.steps(method, n_outputs) is None
        and "scale 0.5" not in name  # nor does CatBoost's scale
        and not ("catboost" in name and n_outputs > 1)  # nor its answers of several outputs, which lie by columns
    }
    assert lacking == {
        ("predict", "boosting log float64 of None"),
        ("predict", "two times trees"),
        ("predict", "xgboost classifier sigmoid, 3 outputs, 2 classes, binary:logistic"),
        ("predict", "xgboost classifier softmax, 2 outputs, 2 classes, multi:softprob"),
        ("predict_proba", "boosting half_logit float64 of"),
        ("predict_proba", "boosting multinomial_logit float64 of"),
        ("predict_proba", "two times trees"),
        ("predict_proba", "xgboost classifier argmax, 4 outputs, 4 classes, multi:softmax"),
        ("predict_proba", "xgboost classifier sigmoid, 3 outputs, 4 classes, custom"),
    }


INPUTS = {
    "lightgbm": LightGBMInputs(WIDTH, None),
    "lightgbm estimator": LightGBMInputs(WIDTH, NAMES, estimator="LGBMRegressor"),
    "xgboost": XGBoostInputs(WIDTH, None, through_dmatrix=False),
    "xgboost with names": XGBoostInputs(WIDTH, NAMES, through_dmatrix=False),
    "xgboost, zero missing": XGBoostInputs(WIDTH, None, through_dmatrix=False, missing=0.0),
    "catboost": CatBoostInputs(WIDTH, NAMES, np.ones(WIDTH, bool)),
    "dmatrix": XGBoostInputs(WIDTH, None, through_dmatrix=True),
    "dmatrix with names": XGBoostInputs(WIDTH, NAMES, through_dmatrix=True),
} | {
    f"sklearn {precision} {allows} {names}": NumericInputs(WIDTH, names, "Source", precision, allows)
    for precision in ("float32", "float64")
    for allows in ("finite", "nan", "anything")
    for names in (None, NAMES)
}


def hostile_rows():
    row = np.array([0.5, -1.0, 2.0, 0.0, 1.0])
    single = row.astype(np.float32)
    unaligned = np.frombuffer(b"\0" + row.tobytes(), np.float64, offset=1)
    fixed = row.copy()
    fixed.flags.writeable = False

    class Sub(np.ndarray):
        pass

    rows = [row, single, unaligned, fixed, np.repeat(row, 2)[::2], row[::-1], np.repeat(single, 3)[::3]]
    rows += [row.astype(">f8"), single.astype(">f4"), row.astype(np.float16), row.astype(np.longdouble)]
    rows += [row.astype(int), row.astype(bool), row.astype(object), row.astype(str), row.astype(complex)]
    rows += [
        row.view(Sub),
        np.ma.masked_array(row, row > 1),
        np.asmatrix(row),
        row[None],
        row[:, None],
        row[None, None, :],
    ]
    rows += [row[:4], np.append(row, 1.0), row[:0], np.array(1.0), np.float64(1), 3.0, None, "abc", b"abcde"]
    rows += [row.tolist(), tuple(row), [row.tolist()], dict(zip(NAMES, row, strict=True)), range(5), [1, 2, None, 4, 5]]
    rows += [[0, 1, 2, 3, 4], (0, 1, 2.5, 3, 4), [0.5, 1], (), [True, 1, 2, 3, 4], [0.5, True, 2, 3, 4], list(single)]
    rows += [list(row), [*row[:4].tolist(), "1"], [*row[:4].tolist(), 1j], [*row[:4].tolist(), [1.0]]]
    rows += [[-1, 2, whole, 3, 4] for whole in (2**24, -(2**24), 2**24 + 1, 2**53 + 1, 2**63, -(2**63) - 1, 10**400)]
    rows += [(-1, 2.5, whole, 3, 4) for whole in (2**24, 2**24 + 1, 2**53 + 1, 2**60 + 2**36 + 1, 2**63, 2**64 + 1)]
    largest = float(np.finfo(np.float32).max)
    odd = [np.nan, np.inf, -np.inf, 1e39, -1e39, largest, ROUNDS_TO_INFINITY, np.nextafter(ROUNDS_TO_INFINITY, 0)]
    for cell in [*odd, -ROUNDS_TO_INFINITY, 1e300, 1e20, 5e-324]:
        for place in (0, 3, 4):
            for like in (row, single):
                with np.errstate(all="ignore"):
                    rows.append(like.copy())
                    rows[-1][place] = cell
            rows.append(row.tolist())
            rows[-1][place] = float(cell)
    return rows


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.filterwarnings("ignore")
def test_every_row_and_table_is_taken_or_refused_as_by_the_general_methods(name):
    fast, _ = make_predictor(inputs=INPUTS[name])
    assert direct_methods(fast) == ([] if "zero missing" in name else ["predict", "predict_one"])
    for row in hostile_rows():
        assert told(fast.predict_one, row) == told(Predictor.predict_one, fast, row), row
        tables = [[row], [row, row]] if isinstance(row, np.ndarray) and row.dtype.kind != "V" else []
        tables += [row[None], np.tile(row, (3, 1)), row] if isinstance(row, np.ndarray) else [row]
        for table in tables:
            assert told(fast.predict, table) == told(Predictor.predict, fast, table), table
            assert told(fast.predict, table, n_threads=2) == told(Predictor.predict, fast, table, n_threads=2)


def test_lists_and_tuples_of_plain_numbers_need_no_general_method():
    fast, _ = make_predictor()
    alone = Predict(fast._engine.kernel, fast._model.answers.steps("predict", 1), Plain(), 1e9, None, None, Calls())
    row = [0.5, -1, 2.0, 0, 1]
    for given in (row, tuple(row), list(map(int, row)), list(map(float, row))):
        assert told(alone.predict_one, given) == told(fast.predict_one, np.array(given, np.float64))
    for other in (row[:4], [*row[:4], True], [*row[:4], 2**24 + 1], range(5)):
        with pytest.raises(TypeError):
            alone.predict_one(other)


def test_a_table_without_the_names_of_the_training_is_warned_of_where_the_caller_stands():
    fast, numbers = make_predictor(inputs=INPUTS["sklearn float32 nan " + str(NAMES)])
    with pytest.warns(UserWarning, match="valid feature names") as caught:
        fast.predict(np.zeros((2, WIDTH)))
    assert caught[0].filename == __file__


def test_no_cell_beside_the_row_is_read():
    """Cells around the row are NaN, which would be refused."""
    fast, _ = make_predictor(inputs=INPUTS["sklearn float32 finite None"])
    for dtype in (np.float32, np.float64):
        around = np.full(3 * WIDTH, np.nan, dtype)
        around[WIDTH : 2 * WIDTH] = 1
        assert fast.predict_one(around[WIDTH : 2 * WIDTH]) == fast.predict_one(np.ones(WIDTH))
        spread = np.full((WIDTH, 3), np.nan, dtype)
        spread[:, 1] = 1
        assert fast.predict_one(spread[:, 1]) == fast.predict_one(np.ones(WIDTH))


def test_arguments_are_those_of_the_methods():
    fast, _ = make_predictor(answers=ANSWERS["lightgbm classifier two of ['no' 'yes']"][2])
    row = np.zeros(WIDTH)
    assert direct_methods(fast) == ["predict", "predict_proba", "predict_one", "predict_proba_one"]
    for name in direct_methods(fast):
        function, method = getattr(Predictor, name), getattr(fast, name)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
        assert list(inspect.signature(method).parameters.values()) == bare
        assert inspect.getdoc(method) == inspect.getdoc(function)
        assert method.__name__ == name
        for wrong in ((), (row, row)):
            with pytest.raises(TypeError):
                method(*wrong)
    assert fast.predict_one(row=row) == fast.predict_one(row)
    assert fast.predict(X=row[None]) == fast.predict(row[None])
    with pytest.raises(TypeError):
        fast.predict(row[None], 2)
    with pytest.raises(TypeError):
        fast.predict_one(row, n_threads=2)
    with pytest.raises(Exception, match="n_threads"):
        fast.predict(row[None], n_threads=0)


def test_a_predictor_has_the_methods_that_its_source_has():
    fast, _ = make_predictor()
    assert hasattr(fast, "predict") and hasattr(fast, "predict_one")
    assert not hasattr(fast, "predict_proba") and not hasattr(fast, "predict_proba_one")
    for name in ("predict_one", "predict"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(fast, name, None)
        with pytest.raises(AttributeError, match="immutable"):
            delattr(fast, name)


def test_copies_answer_alike():
    fast, numbers = make_predictor(answers=ANSWERS["lightgbm classifier two of ['no' 'yes']"][2])
    row = make_table(Recipe(1), numbers, 1)[0]
    for same in (pickle.loads(pickle.dumps(fast)), copy.copy(fast), copy.deepcopy(fast)):
        assert direct_methods(same) == direct_methods(fast)
        for name in direct_methods(fast)[2:]:
            assert seen(getattr(same, name)(row)) == seen(getattr(fast, name)(row))


def test_a_predictor_goes_with_its_last_reference_but_not_before_its_methods():
    fast, numbers = make_predictor()
    row = make_table(Recipe(1), numbers, 1)[0]
    expected, gone, method = seen(fast.predict_one(row)), weakref.ref(fast), fast.predict_one
    gc.disable()
    try:
        del fast
        assert gone() is None
        assert seen(method(row)) == expected == seen(method(list(row)))
    finally:
        gc.enable()


@pytest.mark.parametrize("n_trees", [3, 1500])  # below and above the work for which the GIL is dropped
def test_many_threads_ask_at_once(n_trees):
    fast, numbers = make_predictor(n_trees=n_trees, answers=ANSWERS["lightgbm classifier two of ['no' 'yes']"][2])
    X = make_table(Recipe(1), numbers, 40)
    calls = [(getattr(fast, name), X[i]) for name in ("predict_one", "predict_proba_one") for i in range(len(X))]
    calls += [(fast.predict_proba, X[i : i + 7]) for i in range(len(X))]
    expected, wrong = [seen(call(given)) for call, given in calls], []

    def ask():
        for _ in range(20):
            wrong.extend(
                call for (call, given), answer in zip(calls, expected, strict=True) if seen(call(given)) != answer
            )

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("name", ["lightgbm classifier two of ['no' 'yes']", "lightgbm classifier columns of [7 8 9]"])
def test_nothing_is_left_behind(name):
    _, n_outputs, answers = ANSWERS[name]
    fast, numbers = make_predictor(n_outputs=n_outputs, answers=answers)
    X = make_table(Recipe(1), numbers, 3)
    row, wrong = X[0].copy(), X[0, :3].copy()

    def ask(times):
        for _ in range(times):
            fast.predict_one(row)
            fast.predict_proba_one(row)
            fast.predict(X)
            fast.predict_proba(X)

    def refused(times):
        for _ in range(times):
            try:
                fast.predict_one(wrong)
            except ValueError:
                pass

    ask(100), refused(100)
    held = [row, X, None, *fast._model.answers.classes]
    before, blocks = [sys.getrefcount(each) for each in held], sys.getallocatedblocks()
    ask(100_000), refused(1_000)
    assert sys.getallocatedblocks() - blocks < 200
    assert all(abs(sys.getrefcount(each) - count) < 200 for each, count in zip(held, before, strict=True))
