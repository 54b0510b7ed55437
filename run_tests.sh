#!/usr/bin/env bash
# Sets up .venv if need be and runs the tests. Options are pytest's, paths are relative to the repository; and, first:
#   --browser   open a notebook in JupyterLab and report.html, in Chromium (installs playwright when asked so)
#   --coverage  how much of helpers the tests run, not counting what notebooks run: below 90 % is a failure
#   --colab     run the tests with the package versions of Colab, in .venv-colab (about 6 GB; delete it when done)
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/helpers/setup.sh"
cd -- "$ROOT"
case "${1:-}" in
--browser)
    shift
    set_up_browser
    exec "$PYTHON" -m pytest tests/browser "$@"
    ;;
--coverage)
    shift
    set -- -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term --ignore=tests/test_workbook.py "$@"
    ;;
--colab)
    shift
    set_up_colab_versions
    # what those versions say among themselves is not ours to mend
    exec "$ROOT/.venv-colab/bin/python" -m pytest -W "ignore:Parsing dates involving:DeprecationWarning" \
        -W "ignore:scipy.optimize:DeprecationWarning" \
        -W "ignore:datetime.datetime.utcnow:DeprecationWarning" --ignore=tests/test_workbook.py "$@"
    ;;
esac
if [ $# = 0 ] && "$PYTHON" -c 'import xdist' 2>/dev/null; then # all of them: two processes take turns at whole files
    set -- -n 2 --dist loadfile --no-loadscope-reorder
fi
exec "$PYTHON" -m pytest "$@"
