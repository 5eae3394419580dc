# The two commands: `make demo` and `make test`. Both make the environment that they need, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Snakemake and the rules find `fewlabel` and everything else in the environment.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
SNAKEMAKE := $(RUN) snakemake

.PHONY: demo install figures test test-all test-cluster bench lint format schema docs readme audit clean help

demo: $(VENV)/installed ## run the default experiment to its figures and tables
	$(SNAKEMAKE)
	@echo "Open results/demo/index.html"

install: $(VENV)/installed ## make the environment in .venv

# STUDY: one of results/published, else all of them. SETTINGS: experiment files that are laid over the published one.
# Everything is drawn again, so that changed code shows too; nothing but figures and tables could run.
PUBLISHED := $(patsubst results/published/%/experiment.yaml,%,$(wildcard results/published/*/experiment.yaml))
figures: $(VENV)/installed ## draw the published studies' figures and tables again (STUDY=demo, SETTINGS=my.yaml)
	@test -n "$(PUBLISHED)" || echo "results/published holds no study yet: fewlabel publish results/<study>"
	@set -e; for study in $(or $(STUDY),$(PUBLISHED)); do \
		test -f results/published/$$study/experiment.yaml || { echo "STUDY=$$study: not in results/published; there: $(PUBLISHED)" >&2; exit 1; }; \
		$(SNAKEMAKE) --snakefile workflow/published.smk --forceall --configfile results/published/$$study/experiment.yaml $(SETTINGS); \
	done

# Three workers for two cores: tests on a real Slurm wait for it most of the time, others for a study that is made once.
PYTEST := $(RUN) OMP_NUM_THREADS=1 pytest -n 3 --dist loadgroup

test: $(VENV)/installed-dev ## run the tests, except those of test-all
	$(PYTEST) -m "not cluster and not torture" $(TESTS)

test-all: $(VENV)/installed-dev ## run all tests: on a throw-away real Slurm, and studies that are killed, too
	$(PYTEST) $(TESTS)

test-cluster: $(VENV)/installed-dev ## run the tests on a throw-away real Slurm, and show what its accounting says
	$(RUN) OMP_NUM_THREADS=1 pytest -m cluster -rPs --durations=5

bench: $(VENV)/installed-bench ## measure, side by side, into benchmarks/RESULTS.md (BENCH=training_speed, one of them; QUICK=1, a trial)
	$(RUN) python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

lint: $(VENV)/installed-dev ## formats, static checks, workflow checks
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) snakemake --lint
	$(RUN) snakemake --lint --configfile experiments/hippocampus.yaml

format: $(VENV)/installed-dev ## format all code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .
	$(RUN) snakefmt Snakefile workflow

schema: $(VENV)/installed ## write the JSON schema of experiment files anew
	$(RUN) fewlabel schema > workflow/schemas/experiment.schema.json

docs: $(VENV)/installed-dev ## build the documentation, strictly, into build/docs/index.html
	$(RUN) NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict
	@echo "Documentation: build/docs/index.html"

readme: $(VENV)/installed-dev figures ## make pictures and result tables of README and docs/ anew
	$(RUN) python docs/scripts/stages.py
	$(RUN) python docs/scripts/tables.py
	$(RUN) python docs/scripts/pictures.py

audit: $(VENV)/installed-dev ## ask for known vulnerabilities of the pinned set (needs PyPI's advisories)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)/audit/bin/pip-audit --disable-pip --no-deps --requirement envs/constraints.txt

clean: ## remove the environment and caches; results stay
	rm -rf $(VENV) .snakemake/conda .pytest_cache .mypy_cache .ruff_cache .hypothesis build workflow/*.egg-info workflow/fewlabel/training/kernels/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /: /'

# pip with pinned constraints, torch first: another installer, or torch without its pin, would take another build of it.
# A C compiler makes the kernels of trainings; without one, trainings are slower.
KERNELS := $(wildcard workflow/fewlabel/training/kernels/*.[ch])
$(VENV)/installed: pyproject.toml envs/constraints.txt $(KERNELS)
	@command -v which >/dev/null || { echo "which: no such program, but Snakemake's plugin for Slurm calls it; to fix: install it (Debian: debianutils; Fedora: which)" >&2; exit 1; }
	$(PYTHON) -c 'import sys; v = sys.version_info[:3]; sys.exit(None if (3, 11, 4) <= v < (3, 14) else f"Python {v[0]}.{v[1]}.{v[2]}: FewLabel needs 3.11.4 or newer, up to 3.13; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable .
	touch $@

# What is measured beside FewLabel. Without dependencies: theirs are many, and torchvision is not needed.
$(VENV)/installed-bench: $(VENV)/installed envs/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable ".[bench]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement envs/bench.txt
	touch $@

# The checker of RO-Crates needs an older rich than typer has here, so it lives in an environment of its own.
$(VENV)/installed-dev: $(VENV)/installed-bench envs/validator.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint envs/constraints.txt --editable ".[dev]"
	$(PYTHON) -m venv $(VENV)/validator
	$(VENV)/validator/bin/python -m pip install --quiet --disable-pip-version-check --requirement envs/validator.txt
	touch $@
