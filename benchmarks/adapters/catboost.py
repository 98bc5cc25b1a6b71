"""CatBoost's environment: it is no rival, but the source of its own scenarios (source.py)."""

FRAMEWORKS = ()
REQUIREMENTS = ("catboost", "numpy")
