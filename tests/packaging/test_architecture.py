"""What docs/architecture.md promises of the source, held against the source."""

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import perfcore
from perfcore import errors
from perfcore.model import codec

FRAMEWORKS = {"lightgbm", "xgboost", "catboost", "sklearn", "scipy", "pandas", "polars", "pyarrow", "numba", "joblib"}


@pytest.fixture(scope="module")
def source(repository):
    return repository / "src" / "perfcore"


@pytest.fixture(scope="module")
def allowed(repository):
    """The table in docs/architecture.md: room -> rooms it may import."""
    text = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.search(r"```imports\n(.*?)```", text, re.DOTALL)[1]
    return {room: set(rooms.split()) for room, rooms in re.findall(r"^(\w+):(.*)$", table, re.MULTILINE)}


def imports(path, package):
    """(module, whether at the top of the file) for each import; relative ones are made absolute."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names] if stem == "perfcore" else [stem]
        else:
            continue
        for name in names:
            yield name, id(node) not in inside


def modules(source):
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source.parent).with_suffix("").parts
        package = ".".join(parts[:-1])
        yield path, package, parts[1]


def test_the_tree_of_rooms_names_each(repository, source, allowed):
    text = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^  (\w+)(?:\.py|/)", text, re.MULTILINE)
    assert sorted(named) == sorted({*allowed, "__init__", "__main__"})
    assert {room for _, _, room in modules(source)} == {*named}


def test_nothing_imports_upwards(source, allowed):
    wrong = []
    for path, package, room in modules(source):
        if room in ("__init__", "__main__"):
            continue
        assert room in allowed, f"{room} has no line in the table of docs/architecture.md"
        for name, _ in imports(path, package):
            own, _, other = name.partition(".")
            if own == "perfcore" and other.partition(".")[0] not in {room, *allowed[room]}:
                wrong.append(f"{path.relative_to(source)} imports {name}")
    assert wrong == []


def test_the_import_table_has_no_cycles(allowed):
    above = {room: set(rooms) for room, rooms in allowed.items()}
    while above:
        free = {room for room, rooms in above.items() if not rooms & above.keys()}
        assert free, f"a cycle among {sorted(above)}"
        above = {room: rooms for room, rooms in above.items() if room not in free}


def test_frameworks_are_imported_inside_functions_only(source):
    wrong = [
        f"{path.relative_to(source)} imports {name}"
        for path, package, _ in modules(source)
        for name, at_top in imports(path, package)
        if at_top and name.partition(".")[0] in FRAMEWORKS
    ]
    assert wrong == []


IMPORT_ALL = """
import gc, importlib, os, pkgutil, sys, threading, warnings
import numpy, psutil
import perfcore

def seen():
    return dict(os.environ), gc.get_threshold(), gc.isenabled(), list(warnings.filters), threading.enumerate()

before = seen()
for module in pkgutil.walk_packages(perfcore.__path__, "perfcore."):
    if not module.name.endswith("__main__") and not module.name.startswith("perfcore.dropin."):
        importlib.import_module(module.name)
        assert seen() == before, module.name
importlib.import_module("integrated_performance_optimizer")
assert seen() == before
from perfcore.extras import EXTRAS
print(*sorted({name for name in EXTRAS if name in sys.modules}))
"""


def test_importing_any_module_starts_no_thread_changes_nothing_and_imports_no_extra():
    """But for the drop-in's modules, which are the frameworks' and import them."""
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_source_never_imports_tests_or_benchmarks(source):
    for path, package, _ in modules(source):
        assert not {name.partition(".")[0] for name, _ in imports(path, package)} & {"tests", "benchmarks"}, path


def test_cpp_headers_never_include_python(source):
    for path in source.rglob("*.hpp"):
        included = re.findall(r'#include\s*[<"]([^>"]+)', path.read_text(encoding="utf-8"))
        assert not [name for name in included if re.search(r"Python\.h|numpy/|pybind", name)], path


def test_flags_keep_arithmetic_exact(repository):
    setup = (repository / "setup.py").read_text(encoding="utf-8")
    flags = [node.value for node in ast.walk(ast.parse(setup)) if isinstance(node, ast.Constant)]
    flags = [flag for flag in flags if isinstance(flag, str)]
    assert "-ffp-contract=off" in flags
    unsound = ("-march=native", "-mtune=native", "-ffast-math", "-Ofast", "-funsafe-math-optimizations", "/fp:fast")
    assert not [flag for flag in flags if any(bad in flag for bad in unsound)]


def test_public_names_are_exactly_these():
    assert sorted(perfcore.__all__) == [
        "CacheError",
        "CacheFormatError",
        "ConfigurationError",
        "FeatureCache",
        "InputError",
        "MismatchError",
        "MissingExtraError",
        "ModelCache",
        "ModelFormatError",
        "NotPortableError",
        "OverloadedError",
        "PerfcoreError",
        "PredictionCache",
        "Predictor",
        "UnsupportedModelError",
        "WorkerError",
        "__version__",
        "batch_function",
        "compile",
        "load",
        "patch",
        "patch_report",
        "patched",
        "unpatch",
        "verify",
    ]
    assert all(hasattr(perfcore, name) for name in perfcore.__all__)


def test_the_error_tree_is_drawn_as_it_is():
    drawn = re.findall(r"[├└]─ (\w+) .*?\(also (\w+)\)", errors.__doc__)
    classes = {
        (name, cls.__bases__[1].__name__)
        for name, cls in inspect.getmembers(errors, inspect.isclass)
        if cls.__module__ == errors.__name__ and cls is not errors.PerfcoreError
    }
    assert set(drawn) == classes
    assert all(getattr(errors, name).__bases__[0] is errors.PerfcoreError for name, _ in drawn)


def stub_names(path):
    """(function or class names, names of the classes' public members) of a stub."""
    names, members = set(), set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                name = getattr(item, "name", None) or item.target.id
                members.add(f"{node.name}.{name}")
    return names, {name for name in members if "._" not in name}


def test_stubs_name_what_the_extensions_have(source):
    extensions = sorted(path.stem for path in (source / "_ext").glob("*.pyx"))
    assert extensions == sorted(path.stem for path in (source / "_ext").glob("*.pyi"))
    for extension in extensions:
        module = importlib.import_module(f"perfcore._ext.{extension}")
        public = {
            name: value
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        }
        members = {
            f"{name}.{member}"
            for name, value in public.items()
            if inspect.isclass(value)
            for member in vars(value)
            if not member.startswith("_")
        }
        assert stub_names(source / "_ext" / f"{extension}.pyi") == (set(public), members), extension


def test_every_inputs_and_answers_can_be_saved(source):
    """The file's table of classes is explicit; this finds one that was left out of it."""
    listed = set(codec.CLASSES.values())
    for room, methods in (("inputs", ("row",)), ("answers", ("kind", "methods"))):
        for path in sorted((source / room).glob("*.py")):
            module = importlib.import_module(f"perfcore.{room}.{path.stem}".removesuffix(".__init__"))
            for name, cls in inspect.getmembers(module, dataclasses.is_dataclass):
                if cls.__module__ == module.__name__ and all(hasattr(cls, method) for method in methods):
                    assert (cls.__module__, name) in listed, f"{cls.__module__}.{name} is not in codec.CLASSES"


def test_every_listed_class_is_a_frozen_dataclass():
    for tag, (module, name) in codec.CLASSES.items():
        cls = getattr(importlib.import_module(module), name)
        assert dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen, tag
        assert codec._hints(cls), tag


def test_the_package_bears_types_and_no_sources():
    installed = Path(perfcore.__file__).parent
    assert (installed / "py.typed").exists()
    if "site-packages" in str(installed):  # the wheel
        files = {path.suffix for path in installed.rglob("*") if path.is_file()} - {".pyc"}
        assert files <= {".py", ".pyi", ".typed", ".so", ".pyd", ".html", ".css"}, files


def test_the_version_is_the_metadatas():
    try:
        assert metadata.version("perfcore") == perfcore.__version__
    except metadata.PackageNotFoundError:
        pytest.skip("perfcore is used from its source folder, without metadata")
