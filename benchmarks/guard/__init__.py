"""Instructions of every kernel, held to those of the last time: ``python -m benchmarks.guard``."""
