#!/usr/bin/env bash
# "Best source for language X" in a browser, from the masks that the demonstration made, or others: --masks user/repo.
set -euo pipefail
EXTRAS=embedded,evaluate,space
source "$(dirname "$0")/environment.sh"
exec xsns space --masks xsns-demo "$@"
