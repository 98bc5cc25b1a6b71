"""``python -m benchmarks.adapters ADAPTER FOLDER FRAMEWORK PATH``: converts a model, for `converted`."""

import importlib
import sys
from pathlib import Path

adapter, folder, framework, path = sys.argv[1:]
importlib.import_module(f"benchmarks.adapters.{adapter}").convert(Path(folder), framework, Path(path))
