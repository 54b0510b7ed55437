#!/usr/bin/env bash
# Sets up .venv if need be and runs the notebooks. Options: ./run_all.sh --help
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/helpers/setup.sh"
exec "$PYTHON" -m helpers.run "$@"
