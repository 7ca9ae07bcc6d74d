#!/usr/bin/env bash
# All checks: style, types, tests. Arguments go to pytest, for instance `bash scripts/test.sh -k fisher`.
set -euo pipefail
EXTRAS=test
source "$(dirname "$0")/environment.sh"
ruff check .
ruff format --check .
mypy
# A process per core, each with one thread: small tensors gain nothing from more.
OMP_NUM_THREADS=1 exec pytest -n auto "$@"
