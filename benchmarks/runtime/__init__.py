"""The runtime's parts against what does without them; docs/benchmarks.md says how it measures."""
