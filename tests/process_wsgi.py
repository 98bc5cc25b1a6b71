"""A WSGI app as users write one: the model is opened when the app is imported, rows come as JSON."""

import json
import os

import perfcore

predictor = perfcore.load(os.environ["MODEL"], n_threads=2)
first = predictor.predict([[0.0] * predictor.n_features_in_] * 100)  # before workers fork, where it is preloaded


def app(environ, start_response):
    rows = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    body = json.dumps({"process": os.getpid(), "answers": predictor.predict(rows).tolist()})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body.encode()]
