# EVSYS: everything from a fresh clone with Python 3.11 or newer and make.
#
#   make run [CONF=FILE]   start the central system
#   make demo [CONF=FILE]  the central system and ten charge points in software
#   make test              every test but the long ones; the newest other Python first, where found
#   make test-long         the full counts: simulation seeds, kills under load
#   make screenshots      pictures of the console, into docs/screenshots
#   make bench             what it costs on this machine, beside a bare echo
#   make check             linters, types, layers, tidiness
#   make format            what the formatter can mend
#
# PYTHON=/path/to/python chooses the interpreter that .venv is made with.

SHELL := /bin/sh
.DEFAULT_GOAL := run
PYTHON ?=
CONF ?=
STAMP := .venv/.synced
BIN := .venv/bin

# A daemon's environment may have no home; uv and pip need a place for their caches.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.venv/home
endif

.PHONY: run demo bench test test-long screenshots check format clean

run: $(STAMP)
	@exec $(BIN)/evsys serve $(if $(CONF),--conf '$(CONF)')

demo: $(STAMP)
	@$(BIN)/python tools/demo.py $(if $(CONF),--conf '$(CONF)')

test: $(STAMP)
	@tools/test_other_pythons
	@$(BIN)/pytest -q -m "not long" --cov --cov-report=term tests/core tests/ocpp
	@$(BIN)/pytest -q -m "not long" -n 2 --dist loadfile --ignore=tests/core --ignore=tests/ocpp

test-long: $(STAMP)
	@tools/test_other_pythons all
	@$(BIN)/pytest -q -m long --timeout 3600

screenshots: $(STAMP)
	@$(BIN)/python tools/screenshots.py

bench: $(STAMP)
	@$(BIN)/python -m bench

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q tests/test_tidy.py

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

$(STAMP): uv.lock pyproject.toml tools/bootstrap
	@tools/bootstrap .venv '$(PYTHON)'
	@touch $@
