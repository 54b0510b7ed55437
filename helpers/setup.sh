# shellcheck shell=bash
# Sourced by run_all.sh and run_tests.sh. Leaves ROOT (the repository) and PYTHON (an interpreter that has everything
# in requirements.txt), and `helpers` importable from any folder. The first call installs into .venv; later calls
# find its stamp and need neither time nor network.

ROOT="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
PYTHON="$ROOT/.venv/bin/python"
export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"

give_up() {
    printf 'Set-up stopped: %s\n' "$*" >&2
    exit 1
}

fingerprint() { # of what is to be installed, and of the interpreter it is installed for
    cat "$ROOT/requirements.txt" "$ROOT/constraints.txt" | cksum
    "$PYTHON" -V 2>&1
}

is_ready() { [ -x "$PYTHON" ] && [ "$(cat "$ROOT/.venv/ready" 2>/dev/null)" = "$(fingerprint)" ]; }

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() { # a name on PATH does not mean much: version managers leave stubs that fail when called
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if is_recent "$name"; then
            command -v "$name"
            return
        fi
    done
}

check_disk() {
    local need_gb=8 free_kb
    if [ -n "${CPU_ONLY:-}" ]; then need_gb=4; fi
    # free space is the figure before the percentage; counting columns would trip over blanks in names
    free_kb="$(df -Pk "$ROOT" | awk 'NR == 2 { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+%$/) print $(i - 1) }')"
    if [ "$free_kb" -lt $((need_gb * 1024 * 1024)) ]; then
        give_up "the packages need $need_gb GB of free disk, and $ROOT has $((free_kb / 1024 / 1024)) GB." \
            "Free some, or put the repository on a larger disk."
    fi
}

make_venv() {
    local found
    found="$(find_python)"
    rm -rf "$ROOT/.venv"
    if command -v uv >/dev/null; then # uv can fetch an interpreter where the machine has none
        uv venv --quiet --python "${found:-3.12}" "$ROOT/.venv" || give_up "uv could not make .venv."
    elif [ -n "$found" ]; then
        "$found" -m venv "$ROOT/.venv" || give_up "$found made no .venv; on Debian and Ubuntu install python3-venv."
    else
        give_up "Python 3.11 or later is needed and was not found. Install it, or install uv, which brings its own."
    fi
}

install_into() { # PYTHON, then what to install: with uv where it is
    local python="$1"
    shift
    if command -v uv >/dev/null; then
        UV_COMPILE_BYTECODE=1 uv pip install --quiet --python "$python" "$@"
    else
        "$python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

install() {
    local what=(-r "$ROOT/requirements.txt" -c "$ROOT/constraints.txt")
    if [ -n "${CPU_ONLY:-}" ]; then what+=(--torch-backend=cpu); fi # only with uv, as set_up has checked
    install_into "$PYTHON" "${what[@]}"
}

compile_bytecode() { # without it every kernel compiles torch anew, and starting takes twice as long
    local packages sources compiled
    packages="$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    sources="$(find "$packages" -name '*.py' | wc -l)"
    compiled="$(find "$packages" -name '*.pyc' | wc -l)"
    if [ "$compiled" -lt $((sources * 9 / 10)) ]; then
        # fails for the odd file that is a template or a test of bad syntax; all others are compiled
        "$PYTHON" -m compileall -q -j 0 "$packages" >/dev/null || true
    fi
}

set_up() {
    local is_new=""
    if [ -n "${CPU_ONLY:-}" ] && ! command -v uv >/dev/null; then
        give_up "CPU_ONLY=1 needs uv, which knows where the smaller torch is. Install uv, or leave CPU_ONLY out."
    fi
    local other
    other="$(cat "$ROOT/.venv/unfinished" 2>/dev/null || true)"
    if [[ "$other" =~ ^[0-9]+$ ]] && [ "$other" != $$ ] && kill -0 "$other" 2>/dev/null; then
        give_up "another set-up (process $other) is at work in .venv. Wait until it is done."
    fi
    # `unfinished` is left by a set-up that was interrupted, which may have left half a package, too.
    if [ -e "$ROOT/.venv/unfinished" ] || ! is_recent "$PYTHON"; then
        check_disk
        make_venv
        is_new=yes
    fi
    rm -f "$ROOT/.venv/ready"
    echo $$ >"$ROOT/.venv/unfinished"
    trap 'exit 130' INT TERM # else bash takes an interrupted installer for a failed one
    echo "Installing the packages into .venv, once: about a minute with uv, ten with pip."
    if [ -z "${CPU_ONLY:-}" ] && [ "$(uname)" = Linux ] && ! command -v nvidia-smi >/dev/null; then
        echo "No NVIDIA driver here: CPU_ONLY=1 in front of the command leaves out its libraries and saves about 3 GB."
    fi
    if ! install; then
        [ -n "$is_new" ] || rm "$ROOT/.venv/unfinished" # installers fail before they touch what is there
        give_up "the packages could not be installed; the lines above say why. It needs a network connection."
    fi
    # a torchvision made for another torch installs without complaint and fails at its first import
    "$PYTHON" -c 'import torch, torchvision' || give_up "torch and torchvision do not fit; delete .venv and try again."
    compile_bytecode
    fingerprint >"$ROOT/.venv/unfinished"
    mv "$ROOT/.venv/unfinished" "$ROOT/.venv/ready"
    trap - INT TERM
}

set_up_colab() { # its own packages stay as they are: replacing numpy or torch breaks a running session
    local missing
    PYTHON="$(command -v python3)"
    missing="$("$PYTHON" -c '
import sys
from importlib.util import find_spec

names = [line.split("#")[0].strip() for line in open(sys.argv[1])]
print(*[name for name in names if name and find_spec(name) is None])
' "$ROOT/requirements-colab.txt")"
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086  # one word a package
        "$PYTHON" -m pip install -q $missing || give_up "pip could not install $missing."
    fi
}

set_up_browser() { # Debian's Chromium, or one that playwright fetches into the user's cache
    "$PYTHON" -c 'import playwright' 2>/dev/null || install_into "$PYTHON" playwright ||
        give_up "playwright could not be installed."
    if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then
        "$PYTHON" -m playwright install chromium ||
            give_up "no browser: install Debian's chromium, or let playwright reach the network."
    fi
}

set_up_colab_versions() { # a second environment: the first one keeps the newest versions
    local other="$ROOT/.venv-colab" wanted
    wanted="$(cat "$ROOT/tests/colab.txt" "$ROOT/requirements-colab.txt" | cksum)"
    if [ "$(cat "$other/ready" 2>/dev/null)" = "$wanted" ]; then return; fi
    command -v uv >/dev/null || give_up "--colab needs uv, which brings Colab's Python."
    if [ ! -x "$other/bin/python" ]; then
        uv venv --quiet --python 3.13 "$other" || give_up "uv found no Python 3.13."
    fi
    install_into "$other/bin/python" -r "$ROOT/tests/colab.txt" -r "$ROOT/requirements-colab.txt" ||
        give_up "Colab's versions could not be installed."
    echo "$wanted" >"$other/ready"
}

if [ -n "${COLAB_RELEASE_TAG:-}" ] && [ -z "${KAGGLE_KERNEL_RUN_TYPE:-}" ]; then # Kaggle sets Colab's variable, too
    set_up_colab
elif ! is_ready; then
    set_up
fi
