#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests. Options are pytest's, paths are relative to the repository.
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/helpers/setup.sh"
cd -- "$ROOT"
exec "$PYTHON" -m pytest "$@"
