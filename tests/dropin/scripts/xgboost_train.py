"""Training and scikit-learn APIs of XGBoost: margins, leaves, slices, the best iteration."""

import pickle

import numpy as np
import xgboost
from sklearn.datasets import load_digits, load_iris
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import KFold, cross_val_score

X, y = load_iris(return_X_y=True)
dtrain = xgboost.DMatrix(X, y)
params = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "nthread": 1, "seed": 0}
booster = xgboost.train(params, dtrain, 8)
for answer in (
    booster.predict(dtrain),
    booster.inplace_predict(X),
    booster.inplace_predict(X, predict_type="margin", iteration_range=(0, 4)),
    booster.predict(dtrain, pred_leaf=True),
    booster[:3].inplace_predict(X),
):
    print(answer.shape, answer.dtype, float(answer.astype(np.float64).sum()).hex())
booster.update(dtrain, 8)
print(float(booster.inplace_predict(X).astype(np.float64).std()).hex())

X, y = load_digits(n_class=2, return_X_y=True)
for train, test in KFold(n_splits=2, shuffle=True, random_state=1).split(X):
    model = xgboost.XGBClassifier(n_estimators=10, n_jobs=1).fit(X[train], y[train])
    print(confusion_matrix(y[test], model.predict(X[test])).tolist())
model.set_params(early_stopping_rounds=2).fit(X, y, eval_set=[(X, y)], verbose=False)
print(model.best_iteration, model.predict_proba(X).sum(axis=0), model.apply(X[:3]).tolist())
print(cross_val_score(xgboost.XGBRegressor(n_estimators=5, n_jobs=1), X, y, cv=2))
print(pickle.loads(pickle.dumps(model)).predict(X[:10]))
