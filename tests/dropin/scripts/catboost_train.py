"""CatBoost: classes, raw values, pools, single objects, parts of a model, and what changes one."""

import catboost
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

X, y = load_breast_cancer(return_X_y=True)
quiet = {"iterations": 12, "depth": 4, "verbose": False, "allow_writing_files": False, "thread_count": 1}
model = catboost.CatBoostClassifier(**quiet).fit(X, y)
print(model.predict(X[:8]), model.predict(X[0]), repr(model.predict_proba(X).sum(axis=0)))
for kind in ("RawFormulaVal", "Probability", "LogProbability", "Class"):
    print(kind, repr(np.asarray(model.predict(X, prediction_type=kind)).sum()))
print(repr(model.predict(catboost.Pool(X, y), prediction_type="RawFormulaVal").sum()))
print(repr(model.predict(X, prediction_type="RawFormulaVal", ntree_end=5).sum()))
model.shrink(6)
print(model.tree_count_, repr(model.predict_proba(X)[:, 1].sum()), model.calc_leaf_indexes(X[:2]).tolist())
model.set_probability_threshold(0.2)
print(model.predict(X).sum(), model.score(X, y))

X, y = load_diabetes(return_X_y=True)
model = catboost.CatBoostRegressor(**quiet).fit(X, y)
print(repr(model.predict(X).sum()), [repr(p.sum()) for p in model.staged_predict(X, eval_period=4)])
model.set_scale_and_bias(2.0, 1.0)
print(repr(model.predict(X).sum()))
