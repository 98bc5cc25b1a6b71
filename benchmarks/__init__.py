"""perfcore against what it compiles: ``python -m benchmarks``; docs/benchmarks.md says how it measures."""
