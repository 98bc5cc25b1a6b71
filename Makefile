# Every command sets itself up: a virtual environment and the wheel lie under .work, by Python version.
#   make test PYTHON=python3.13     another Python
#   make test TESTS=tests/model     some tests only
PYTHON ?= python3
TESTS ?= tests
DEMO_ARGS ?=
BENCH_ARGS ?=
GRID_ARGS ?=
GUARD_ARGS ?=
FUZZ_SECONDS ?= 60
FUZZ_FORMATS ?=

ROOM := .work/$(shell $(PYTHON) -c 'import sys; print("py%d.%d" % sys.version_info[:2])')
BIN := $(ROOM)/venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# A worker a core. Frameworks' threads sleep while they wait: awake, they would hold the other workers' cores.
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/pytest -p no:cacheprovider -p no:benchmark -n auto --maxprocesses 8 \
          --dist worksteal

COMPILED := $(shell find src/perfcore/_ext -name '*.p[yx][xd]' -o -name '*.hpp' -o -path '*/_ext/*/*.cpp' 2>/dev/null)
SOURCES := pyproject.toml setup.py MANIFEST.in README.md LICENSE $(COMPILED) \
           $(shell find src -name '*.py' -o -name '*.pyi' -o -name py.typed)

unexport PYTHONPATH
.DELETE_ON_ERROR:
.PHONY: help demo test field support bench grid guard fuzz lint check-long engines clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(ROOM)/demo ## train, compile, prove and time models of 3 frameworks (DEMO_ARGS="--data FILE --target COLUMN", or "--races DIR")
	$(BIN)/python -m perfcore demo $(DEMO_ARGS)

test: $(ROOM)/test ## build the wheel and test the wheel
	$(PYTEST) $(TESTS) --ignore tests/field

field: $(ROOM)/test ## equality of bits on other people's models, in ../shared
	$(PYTEST) tests/field -rs

support: $(ROOM)/test ## write docs/support.md, what is read and taken, anew from what holds
	PYTHONPATH=tests $(BIN)/python -m support

bench: $(ROOM)/test ## time perfcore against frameworks and rivals (BENCH_ARGS=--rivals installs them; --check: no times)
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

grid: $(ROOM)/test ## look for a cell where a framework is faster (GRID_ARGS=--check: answers only)
	$(BIN)/python -m benchmarks.grid $(GRID_ARGS)

guard: ## hold the kernels' instructions to the baseline (GUARD_ARGS="--renew 'why'": take them for it)
	$(PYTHON) -m benchmarks.guard $(GUARD_ARGS)

fuzz: $(ROOM)/long ## feed the readers made-up files (FUZZ_SECONDS=3600 each; FUZZ_FORMATS="json pcore": some of them)
	$(BIN)/python tests/fuzz --seconds $(FUZZ_SECONDS) --folder .work/fuzz $(FUZZ_FORMATS)

lint: $(ROOM)/lint ## ruff, mypy, cython-lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src

check-long: $(ROOM)/long $(if $(filter tests,$(TESTS)),engines) ## sanitizers, the wheel elsewhere, and the tests with many more made-up forests
	HYPOTHESIS_PROFILE=long PERFCORE_WHEEL="$$(ls $(CURDIR)/$(ROOM)/dist/*.whl)" $(PYTEST) $(TESTS) -rs -m 'long or not long'

engines: $(ROOM)/engines ## the examples of docs/scale_out.md by Spark, Ray, Dask, DuckDB, polars
	$(ROOM)/engines-venv/bin/pytest -p no:cacheprovider tests/engines -rs -m long

clean: ## remove what the other commands made
	rm -rf .work build dist src/*.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find src -name '*.so' -delete
	rm -f src/perfcore/_ext/*.cpp perfcore_demo.html

# -- what they rest on: each stamp is younger than what it was made from -----------------------------

$(ROOM)/venv.stamp:
	$(PYTHON) -m venv $(ROOM)/venv
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

# The wheel is built in a copy, so that the source tree stays as it is and holds no stale files for it.
$(ROOM)/wheel: $(ROOM)/venv.stamp $(SOURCES)
	rm -rf $(ROOM)/tree $(ROOM)/dist
	mkdir -p $(ROOM)/tree
	cp -R pyproject.toml setup.py MANIFEST.in README.md LICENSE src $(ROOM)/tree
	find $(ROOM)/tree/src -name '*.so' -delete
	rm -f $(ROOM)/tree/src/perfcore/_ext/*.cpp
	$(PIP) wheel --no-deps --wheel-dir $(ROOM)/dist ./$(ROOM)/tree
	$(PIP) install $(ROOM)/dist/*.whl
	$(PIP) install --no-deps --force-reinstall $(ROOM)/dist/*.whl
	touch $@

$(ROOM)/test: $(ROOM)/wheel
	$(PIP) install --group test
	touch $@

$(ROOM)/long: $(ROOM)/test
	$(PIP) install --group long
	touch $@

# Of their own, since each of the engines asks for versions of what others need.
$(ROOM)/engines: $(ROOM)/wheel
	$(PYTHON) -m venv $(ROOM)/engines-venv
	$(ROOM)/engines-venv/bin/python -m pip --quiet install --upgrade 'pip>=25.1'
	$(ROOM)/engines-venv/bin/python -m pip --quiet install --group engines
	$(ROOM)/engines-venv/bin/python -m pip --quiet install --force-reinstall --no-deps $(ROOM)/dist/*.whl
	touch $@

$(ROOM)/lint: $(ROOM)/test
	$(PIP) install --group lint
	touch $@

$(ROOM)/demo: $(ROOM)/wheel
	$(PIP) install "$$(ls $(CURDIR)/$(ROOM)/dist/*.whl)[demo]"
	touch $@
