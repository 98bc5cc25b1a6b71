"""Features and transforms against those who make them too; docs/benchmarks.md says how it measures."""
