"""patch, unpatch, patched: what they put where, and that they put it back."""

import inspect
import logging
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from dropin.conftest import counted, same

import perfcore
from perfcore.dropin import price
from perfcore.dropin.record import SLOW


def attributes():
    from sklearn import ensemble, linear_model, tree

    kinds = [
        kind for module in (ensemble, linear_model, tree) for kind in vars(module).values() if inspect.isclass(kind)
    ]
    for name in ("lightgbm", "xgboost", "catboost"):
        module = sys.modules.get(name)
        kinds += [kind for kind in vars(module).values() if inspect.isclass(kind)] if module else []
    bases = {base for kind in kinds for base in kind.__mro__[:-1]}
    return {(base, name): value for base in bases for name, value in vars(base).items()}


def test_unpatching_puts_the_very_originals_back():
    import sklearn.ensemble  # noqa: F401

    before = attributes()
    perfcore.patch()
    perfcore.patch("sklearn")
    changed = {key for key, value in attributes().items() if value is not before.get(key)}
    assert {name for _, name in changed} >= {"predict", "predict_proba"}
    perfcore.unpatch()
    after = attributes()
    assert after.keys() == before.keys()
    assert all(after[key] is before[key] for key in before if key[1] not in ("__dict__", "__weakref__"))


def test_nested_blocks_end_with_the_outermost():
    from sklearn.tree import DecisionTreeClassifier

    original = vars(DecisionTreeClassifier)["predict_proba"]

    def is_patched():
        return vars(DecisionTreeClassifier)["predict_proba"] is not original

    with perfcore.patched("sklearn"):
        with perfcore.patched("sklearn"):
            assert is_patched()
        assert is_patched()
        perfcore.patch("sklearn")
        perfcore.unpatch("sklearn")
        assert is_patched()
    assert not is_patched()
    perfcore.patch("sklearn")
    with pytest.raises(KeyError), perfcore.patched("sklearn"):
        raise KeyError
    assert is_patched()
    perfcore.unpatch("sklearn")
    assert not is_patched()


def test_unknown_and_absent_frameworks_are_named(monkeypatch):
    with pytest.raises(perfcore.ConfigurationError, match="'torch', allowed: lightgbm, xgboost, catboost, sklearn"):
        perfcore.patch("torch")
    for change in (perfcore.patch, perfcore.unpatch, lambda name: perfcore.patched(name).__enter__()):
        for name in ("torch", ["sklearn"], None, np.array(["sklearn"])):
            with pytest.raises(perfcore.ConfigurationError, match="allowed: lightgbm, .*, each as an argument"):
                change(name)
    monkeypatch.setattr("perfcore.dropin.frameworks.find_spec", lambda name: None)
    with pytest.raises(perfcore.ConfigurationError, match="xgboost is not installed"):
        perfcore.patch("xgboost")


def in_a_process(code):
    environment = os.environ | {"PYTHONPATH": str(Path(perfcore.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_frameworks_may_be_imported_after_patching_and_are_not_imported_by_it():
    shown = in_a_process("""
        import sys, perfcore
        perfcore.patch()
        assert not {"sklearn", "lightgbm", "xgboost", "catboost", "pandas"} & sys.modules.keys()
        from perfcore.dropin import price
        price.at_once = True
        finders = list(sys.meta_path)
        from sklearn.tree._classes import DecisionTreeRegressor
        DecisionTreeRegressor().fit([[0], [1]], [0, 1]).predict([[0]])
        assert DecisionTreeRegressor.predict.__wrapped__
        import sklearn.tree
        assert type(sklearn.tree.__spec__.loader).__module__.startswith("_frozen_importlib")
        perfcore.unpatch()
        assert not hasattr(DecisionTreeRegressor.predict, "__wrapped__")
        assert not [each for each in sys.meta_path if type(each).__module__.startswith("perfcore")]
        from sklearn.linear_model import Ridge
        assert not hasattr(Ridge.predict, "__wrapped__")
        print(perfcore.patch_report().answered)
    """)
    assert shown.strip() == "1"


def test_a_module_that_may_not_be_imported_is_left_out():
    in_a_process("""
        import sys
        import perfcore
        sys.modules["sklearn.neural_network._multilayer_perceptron"] = None
        perfcore.patch("sklearn")
        from sklearn.tree import DecisionTreeClassifier
        assert DecisionTreeClassifier.predict.__wrapped__
    """)


def test_what_another_thread_is_importing_is_patched_too():
    in_a_process("""
        import importlib, sys, threading
        from importlib.abc import MetaPathFinder

        class Slow(MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name == "sklearn.tree._classes":
                    begun.set()
                    go_on.wait(0.3)  # patch() waits for this import, as any import would

        import perfcore
        begun, go_on = threading.Event(), threading.Event()
        sys.meta_path.insert(0, Slow())
        thread = threading.Thread(target=importlib.import_module, args=["sklearn.tree"])
        thread.start()
        begun.wait()
        with perfcore.patched("sklearn"):
            from sklearn.tree import DecisionTreeClassifier
            assert DecisionTreeClassifier.predict.__wrapped__
        perfcore.patch("sklearn")
        assert DecisionTreeClassifier.predict.__wrapped__
        thread.join()
    """)


def test_a_bound_method_that_outlives_the_patch_asks_the_framework(table, at_once):
    from sklearn.tree import DecisionTreeRegressor

    X, _, z = table
    model = DecisionTreeRegressor().fit(X, z)
    with perfcore.patched("sklearn"):
        predict = model.predict
        predict(X)
    before = counted()
    assert same(predict(X), model.predict(X))
    assert counted() == before


def test_few_rows_are_answered_by_the_framework_and_many_compile(table):
    from sklearn.ensemble import RandomForestRegressor

    X, _, z = table
    model = RandomForestRegressor(n_estimators=5, max_depth=2).fit(X, z)
    with perfcore.patched("sklearn"):
        before = counted()
        model.predict(X[:1])
        assert counted() == before
        model.predict(np.tile(X, (1000, 1)))
        assert counted() == before + 1
    assert not price.repays(0.0, 1, 500, 15_000) and price.repays(1.0, 1, 500, 15_000)


def test_calls_that_are_shorter_than_looking_for_changes_go_to_the_framework(table, monkeypatch):
    from sklearn.ensemble import GradientBoostingRegressor

    X, _, z = table
    model = GradientBoostingRegressor(n_estimators=5).fit(X, z)
    expected = model.predict(X)
    with perfcore.patched("sklearn"), monkeypatch.context() as patch:
        patch.setattr(price, "repays", lambda *_: True)
        for is_long, by_perfcore in ((False, 1), (False, 0), (True, 1)):  # the first call compiles
            patch.setattr(price, "outlasts", lambda *_, is_long=is_long: is_long)
            before = counted(), counted(SLOW)
            assert same(model.predict(X), expected)
            assert (counted() - before[0], counted(SLOW) - before[1]) == (by_perfcore, 1 - by_perfcore)
    assert not price.outlasts(0.05, (0.01, 1), 1, 100) and price.outlasts(0.05, (0.01, 1), 10_000, 100)
    assert not price.outlasts(0.05, None, 1, 100) and price.outlasts(2e-6, None, 1, 1)
    of_many_rows = (0.4, 200_000)
    assert price.outlasts(0.01, of_many_rows, 200_000, 1) and not price.outlasts(0.01, of_many_rows, 1, 1)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_steps_of_a_frameworks_answer_are_not_counted(n_jobs, table, at_once):
    from sklearn.ensemble import BaggingRegressor, IsolationForest, RandomForestClassifier, VotingRegressor
    from sklearn.linear_model import LinearRegression

    class Own(LinearRegression):
        def predict(self, X):
            return super().predict(X) + 1

    X, y, _ = table
    mixed = VotingRegressor([("read", LinearRegression()), ("not read", Own())])
    for model in (RandomForestClassifier(4, n_jobs=n_jobs), IsolationForest(n_estimators=4), BaggingRegressor(), mixed):
        model.fit(X, y)
        before = sum(count.calls for count in perfcore.patch_report())
        with perfcore.patched("sklearn"):
            model.predict(X)
        assert sum(count.calls for count in perfcore.patch_report()) - before == 1


def test_calls_are_counted_and_each_reason_is_logged_once(table, at_once, caplog):
    from sklearn.tree import DecisionTreeClassifier

    class Logged(DecisionTreeClassifier):
        pass

    X, y, _ = table
    model = Logged().fit(X, y)
    with caplog.at_level(logging.INFO, "perfcore.dropin"), perfcore.patched("sklearn"):
        for _ in range(3):
            model.predict(X)
            with pytest.raises(ValueError):
                model.predict(X[:, :2])
    counts = {c.reason: (c.calls, c.rows) for c in perfcore.patch_report() if c.model.endswith(".Logged")}
    assert counts.pop("perfcore") == (3, 600)
    assert list(counts.values()) == [(3, 600)]
    assert len([record for record in caplog.records if "Logged" in record.getMessage()]) == 1
    assert "Logged.predict  perfcore" in str(perfcore.patch_report())


def test_threads_share_a_model(table, at_once):
    from sklearn.ensemble import RandomForestClassifier

    X, y, _ = table
    model = RandomForestClassifier(n_estimators=5).fit(X, y)
    expected, wrong = model.predict_proba(X), []

    def ask():
        for _ in range(20):
            if not same(model.predict_proba(X), expected):
                wrong.append(1)

    with perfcore.patched("sklearn"):
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is Unix's")
def test_a_forked_process_answers_on():
    assert "[0. 1.]" in in_a_process("""
        import os, signal, threading, perfcore
        from sklearn.tree import DecisionTreeRegressor
        from perfcore.dropin import patching, price
        price.at_once = True
        perfcore.patch("sklearn")
        model = DecisionTreeRegressor().fit([[0], [1]], [0, 1])
        model.predict([[0]])
        held, done = threading.Event(), threading.Event()

        def hold():
            with patching._lock:
                held.set()
                done.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            with perfcore.patched("sklearn"):
                pass
            before = perfcore.patch_report().answered
            print(model.predict([[0], [1]]), perfcore.patch_report().answered - before, flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        done.set()
    """)


def test_what_goes_wrong_in_perfcore_does_not_go_wrong_in_the_program(table, at_once, monkeypatch):
    from sklearn.tree import DecisionTreeRegressor

    from perfcore.dropin.frameworks.sklearn import FRAMEWORK

    X, _, z = table
    model = DecisionTreeRegressor().fit(X, z)
    expected = model.predict(X)
    monkeypatch.setattr(type(FRAMEWORK), "compile", lambda *_: 1 / 0)
    with perfcore.patched("sklearn"):
        assert same(model.predict(X), expected)
    assert counted("perfcore failed: ZeroDivisionError: division by zero") == 1
