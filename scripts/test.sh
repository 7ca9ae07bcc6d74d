#!/usr/bin/env bash
# All checks: style, types, import contracts, tests. Arguments go to pytest, for instance `bash scripts/test.sh -k fisher`;
# `--fast` leaves out the tests that take seconds, `--slow` adds those that take minutes, `--cov` says what they cover.
set -euo pipefail
# The Space's page is tested in a real browser, the system's own, which is fetched while the environment is made. Without
# one, those tests are skipped and say so.
if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the tests of the Space …"
    { apt-get update && apt-get install -y --no-install-recommends chromium fonts-noto-core; } >/dev/null 2>&1 ||
        echo "Chromium couldn't be installed." &
fi
EXTRAS=test
source "$(dirname "$0")/environment.sh"
ruff check .
ruff format --check .
mypy
lint-imports --no-logo
wait
# A process per core, each with one thread: small tensors gain nothing from more.
OMP_NUM_THREADS=1 exec pytest -n auto --dist loadgroup "$@"
