"""Training API of LightGBM: early stopping, continued training, several ways to predict."""

import warnings

import lightgbm
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import GridSearchCV, train_test_split

warnings.simplefilter("ignore")
X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
train = lightgbm.Dataset(X_train, y_train, free_raw_data=False)
test = lightgbm.Dataset(X_test, y_test, reference=train)
params = {"objective": "regression", "num_leaves": 7, "verbose": -1, "num_threads": 1, "deterministic": True}
booster = lightgbm.train(params, train, 40, valid_sets=[test], callbacks=[lightgbm.early_stopping(5, verbose=False)])
print(booster.best_iteration, repr(mean_squared_error(y_test, booster.predict(X_test))))
for options in ({"num_iteration": 3}, {"raw_score": True}, {"pred_leaf": True}, {"pred_contrib": True}):
    print(options, float(np.asarray(booster.predict(X_test, **options)).sum()).hex())
longer = lightgbm.train(params, train, 5, init_model=booster)
print(longer.num_trees(), longer.predict(X_test).sum().hex())
for _ in range(3):
    print(booster.predict(X_test[:1]).item().hex())
    booster.set_leaf_output(0, 0, booster.get_leaf_output(0, 0) + 1)

X, y = load_breast_cancer(return_X_y=True)
model = lightgbm.LGBMClassifier(n_estimators=15, num_leaves=5, verbose=-1, n_jobs=1)
search = GridSearchCV(model, {"learning_rate": [0.1, 0.3]}, cv=2).fit(X, y)
print(search.best_params_, repr(search.best_score_), repr(log_loss(y, search.predict_proba(X))))
print(search.best_estimator_.predict(X[:5]), search.best_estimator_.booster_.predict(X[:2]))
