"""scikit-learn's ensembles and linear models in pipelines, votes, stacks and searches, edited and refitted."""

import sys
import warnings

import numpy as np
from sklearn import ensemble, linear_model
from sklearn.datasets import load_diabetes, load_iris
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
print(__name__, len(sys.argv), sys.argv[1:])
X, y = load_diabetes(return_X_y=True)
few = {"n_estimators": 8, "random_state": 0}
models = [
    ensemble.RandomForestRegressor(**few),
    ensemble.ExtraTreesRegressor(**few),
    ensemble.GradientBoostingRegressor(**few),
    ensemble.HistGradientBoostingRegressor(max_iter=8, random_state=0),
    ensemble.AdaBoostRegressor(**few),
    ensemble.BaggingRegressor(**few),
    make_pipeline(StandardScaler(), linear_model.Ridge()),
    ensemble.VotingRegressor([("a", linear_model.LinearRegression()), ("b", ensemble.RandomForestRegressor(**few))]),
]
for model in models:
    scores = cross_validate(model, X, y, cv=2)["test_score"]
    predicted = cross_val_predict(model, X, y, cv=2)
    print(type(model).__name__, repr(scores), float(predicted.sum()).hex())
model = ensemble.GradientBoostingRegressor(**few).fit(X, y)
print([float(((y - p) ** 2).mean()).hex() for p in model.staged_predict(X)])
print(repr(permutation_importance(model, X, y, n_repeats=2, random_state=0).importances_mean))

X, y = load_iris(return_X_y=True)
stack = ensemble.StackingClassifier(
    [("forest", ensemble.RandomForestClassifier(**few)), ("line", linear_model.LogisticRegression())], cv=2
)
print(repr(stack.fit(X, y).predict_proba(X).sum(axis=0)), stack.score(X, y))
model = linear_model.LogisticRegression().fit(X, y)
for _ in range(3):
    print(np.bincount(model.predict(X)), model.decision_function(X[:1]), model.predict_log_proba(X[:1]))
    model.coef_ *= 0.5
try:
    model.predict(X[:, :2])
except ValueError as error:
    print(error)
