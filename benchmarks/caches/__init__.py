"""The feature cache against what else keeps rows by key; docs/benchmarks.md says how it measures."""
