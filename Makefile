# Two commands set up everything on a fresh machine: `make run` and `make test`.
# Both make their own virtual environment from pinned, hashed requirements.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
CASE   ?= cases/najin
PORT   ?= 8000

.PHONY: run test bench serve lint lock clean

# The main job: the Najin case from text to brief.
run: $(VENV)/.core
	$(BIN)/tumen run $(CASE)

# Everything the tests need, then the tests. pytest takes further words from ARGS.
test: $(VENV)/.all
	$(BIN)/ruff check src tests bench
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

# Measured claims; each file in bench/ is a command of its own.
bench: $(VENV)/.all
	@for file in bench/*.py; do echo "$(BIN)/python $$file"; done

# The workbench in the browser, on this machine only.
serve: $(VENV)/.all
	$(BIN)/tumen serve $(CASE) --port $(PORT)

lint: $(VENV)/.all
	$(BIN)/ruff check --fix src tests bench
	$(BIN)/ruff format src tests bench

# Pin what is in use: versions and hashes, no addresses.
lock: $(VENV)/.all
	$(PIP) install pip-tools
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --all-extras --output-file requirements-all.lock pyproject.toml

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || (echo "Tumen needs Python 3.11 or later"; exit 1)
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.core: requirements.lock pyproject.toml | $(VENV)/.venv
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --editable .
	touch $@

$(VENV)/.all: requirements-all.lock pyproject.toml | $(VENV)/.venv
	$(PIP) install --require-hashes -r requirements-all.lock
	$(PIP) install --no-deps --editable .
	touch $@ $(VENV)/.core

clean:
	rm -rf $(VENV) build dist
