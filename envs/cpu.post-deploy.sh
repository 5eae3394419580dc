#!/bin/sh
# Snakemake runs this in a conda environment that it has just made: FewLabel itself, from the checkout that it stands in.
test -f pyproject.toml || { echo "--sdm conda: start Snakemake in FewLabel's checkout, without --directory" >&2 && exit 1; }
python -m pip install --no-deps --editable .
