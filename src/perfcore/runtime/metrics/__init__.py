"""Metrics: what this process's predictors, caches and batchers count, as a dict, as Prometheus' text, over a socket."""

from .exposition import text
from .seen import register, snapshot
from .server import Server, serve

__all__ = ["Server", "register", "serve", "snapshot", "text"]
