# The two commands: `make demo` and `make test`. Both make the environment that they need, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Snakemake and the rules find `fewlabel` and everything else in the environment.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
SNAKEMAKE := $(RUN) snakemake

.PHONY: demo test test-cluster lint format schema clean help

demo: $(VENV)/installed ## run the default experiment to its figures and tables
	$(SNAKEMAKE)
	@echo "Figures and tables: results/demo/figures, results/demo/tables"

test: $(VENV)/installed-dev ## run the tests
	$(RUN) OMP_NUM_THREADS=1 pytest -n 2 --dist loadgroup $(TESTS)

test-cluster: $(VENV)/installed-dev ## run the tests on a throw-away real Slurm, and show what its accounting says
	$(RUN) OMP_NUM_THREADS=1 pytest -m cluster -rPs --durations=5

lint: $(VENV)/installed-dev ## formats, static checks, workflow checks
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow/rules
	$(RUN) snakemake --lint
	$(RUN) snakemake --lint --configfile experiments/hippocampus.yaml

format: $(VENV)/installed-dev ## format all code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .
	$(RUN) snakefmt Snakefile workflow/rules

schema: $(VENV)/installed ## write the JSON schema of experiment files anew
	$(RUN) fewlabel schema > workflow/schemas/experiment.schema.json

clean: ## remove the environment and caches; results stay
	rm -rf $(VENV) .snakemake/conda .pytest_cache .mypy_cache .ruff_cache .hypothesis build workflow/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /: /'

# pip with pinned constraints, torch first: another installer, or torch without its pin, would take another build of it.
$(VENV)/installed: pyproject.toml envs/constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]}: FewLabel needs 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable ".[dev]"
	touch $@
