#!/bin/sh
# Install FewLabel and the pinned set into the Python in PATH; both images are made by it: sh envs/install.sh cpu|cuda
#
# cpu   the build of torch that pip is configured for. By default, on Linux, that is the one for CUDA: it runs on CPUs too.
# cuda  never a build for CPUs (`===` accepts no 2.13.0+cpu), and its libraries as in cuda.txt.
set -eu
cd "$(dirname "$0")/.."
install() { python -m pip install --no-cache-dir --disable-pip-version-check --constraint envs/constraints.txt "$@"; }

# torch first: with the rest, another build of it could be taken.
case "${1:-}" in
cpu) install torch ;;
cuda) install --constraint envs/cuda.txt "torch===$(sed -n 's/^torch==//p' envs/constraints.txt)" ;;
*)
    echo "install.sh: '${1:-}': accepted: cpu, cuda" >&2
    exit 2
    ;;
esac
# The kernels of trainings on CPUs are compiled; without a compiler, trainings are slower.
if ! command -v cc > /dev/null && command -v apt-get > /dev/null; then
    apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
fi
install ".[radial]"
