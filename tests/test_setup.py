"""The set-up scripts, in a copy of the repository's frame with stubs for uv and Python: nothing is installed."""

import os
import re
import shutil
import subprocess

import pytest

import helpers
from helpers.workspace import ROOT

SCRIPTS = ("run_all.sh", "run_tests.sh", ".ci/run", "helpers/setup.sh")
LISTS = ("requirements.txt", "requirements-colab.txt", "constraints.txt")
TOOLS = ("bash", "sh", "cat", "cksum", "awk", "find", "wc", "dirname", "readlink", "mkdir", "rm", "mv", "cp")

PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
-V) echo "Python ${FAKE_VERSION:-3.12.1}" ;;
*version_info*) exit "${TOO_OLD:-0}" ;;
*purelib*) echo "$SITE" ;;
*find_spec*) echo "$COLAB_LACKS" ;;
"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
"-m helpers.run"*) printf '%s|' "$PWD" "$PYTHONPATH" "$@" ;;
"-m pytest"*) printf '%s|' "$PWD" "$@" ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >>"$LOG"
case "$1" in
venv) for last; do :; done; mkdir -p "$last/bin"; cp "$(dirname "$0")/python3" "$last/bin/python" ;;
pip) exit "${INSTALL_FAILS:-0}" ;;
esac
"""
DF = """#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "//server/my disk 999999999 1 ${FREE_KB:-99999999} 50% /my disk"
"""


class Machine:
    """A repository and a PATH on which everything is known."""

    def __init__(self, folder):
        self.repo, self.bin, self.log = folder / "répo mit Leerzeichen", folder / "bin", folder / "log"
        self.site = folder / "site"
        for made in (self.repo / "helpers", self.repo / "tests", self.repo / ".ci", self.bin, self.site):
            made.mkdir(parents=True)
        for name in (*SCRIPTS, *LISTS, "tests/colab.txt"):
            shutil.copy(ROOT / name, self.repo / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, text in (("python3", PYTHON), ("uv", UV), ("df", DF), ("uname", "#!/bin/sh\necho Linux\n")):
            self.stub(name, text)

    def stub(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def call(self, script="run_all.sh", *words, cwd=None, **environment):
        """Run a script; returns the finished process. `commands` holds what it called this time."""
        self.log.write_text("")
        places = {"PATH": str(self.bin), "LOG": str(self.log), "SITE": str(self.site), "LANG": "C.UTF-8"}
        done = subprocess.run(
            ["bash", str(self.repo / script), *words],
            env=places | environment,
            cwd=cwd or self.repo.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.commands = self.log.read_text()
        return done

    @property
    def ready(self):
        return (self.repo / ".venv" / "ready").exists()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_sound(script):
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
    assert os.access(ROOT / script, os.X_OK) or script == "helpers/setup.sh"


def test_installs_once(machine):
    first = machine.call()
    assert first.returncode == 0 and machine.ready and "CPU_ONLY=1" in first.stdout
    assert "uv venv" in machine.commands and "--torch-backend" not in machine.commands
    assert re.search(r"uv pip install .*requirements\.txt -c .*constraints\.txt", machine.commands)
    assert "import torch, torchvision" in machine.commands
    second = machine.call()
    assert second.returncode == 0 and "Installing" not in second.stdout
    assert machine.commands.splitlines() == ["python -V", "python -m helpers.run"]


def test_arguments_and_the_callers_folder_are_kept(machine, tmp_path):
    machine.call()
    (tmp_path / "else where").mkdir()
    (tmp_path / "else where" / "go").symlink_to(machine.repo / "run_all.sh")
    told = machine.call(tmp_path / "else where" / "go", "--data-dir", "my data", cwd=tmp_path / "else where").stdout
    assert told.split("|")[:-1] == [
        str(tmp_path / "else where"), str(machine.repo), "-m", "helpers.run", "--data-dir", "my data",
    ]  # fmt: skip


@pytest.mark.parametrize("script", ["run_tests.sh", ".ci/run"])
def test_tests_run_in_the_repository(machine, script):
    two = "-n|2|--dist|loadfile|--no-loadscope-reorder|"
    assert machine.call(script).stdout.endswith(f"{machine.repo}|-m|pytest|{two}")


def test_a_single_file_is_tested_in_one_process(machine):
    assert machine.call("run_tests.sh", "tests/test_x.py").stdout.endswith("|-m|pytest|tests/test_x.py|")


@pytest.mark.parametrize("change", ["constraints.txt", "requirements.txt", "python"])
def test_changed_needs_are_installed_into_what_is_there(machine, change):
    machine.call()
    if change != "python":
        with (machine.repo / change).open("a") as file:
            file.write("# changed\n")
    environment = {"FAKE_VERSION": "3.13.0"} if change == "python" else {}
    assert machine.call(**environment).returncode == 0
    assert "uv pip install" in machine.commands and "uv venv" not in machine.commands and machine.ready


def test_interrupted_setup_is_redone(machine):
    machine.call()
    (machine.repo / ".venv" / "ready").rename(machine.repo / ".venv" / "unfinished")
    (machine.repo / ".venv" / "half a package").touch()
    machine.call()
    assert "uv venv" in machine.commands and machine.ready and not (machine.repo / ".venv" / "half a package").exists()


def test_failed_update_keeps_the_environment_but_is_not_trusted(machine):
    machine.call()
    (machine.repo / "constraints.txt").write_text("new==1\n")
    failed = machine.call(INSTALL_FAILS="2")
    assert failed.returncode == 1 and "could not be installed" in failed.stderr and not machine.ready
    assert "helpers.run" not in machine.commands
    assert machine.call().returncode == 0 and "uv venv" not in machine.commands and machine.ready


@pytest.mark.parametrize(("free_gb", "cpu_only", "enough"), [(7, "", False), (9, "", True), (5, "1", True)])
def test_disk_is_checked_first(machine, free_gb, cpu_only, enough):
    done = machine.call(FREE_KB=str(free_gb * 1024 * 1024), CPU_ONLY=cpu_only)
    assert (done.returncode == 0) is enough and ("uv venv" in machine.commands) is enough
    assert enough or ("8 GB" in done.stderr and "7 GB" in done.stderr)


def test_cpu_only_needs_uv(machine):
    assert machine.call(CPU_ONLY="1").returncode == 0 and "--torch-backend=cpu" in machine.commands
    shutil.rmtree(machine.repo / ".venv")
    (machine.bin / "uv").unlink()
    done = machine.call(CPU_ONLY="1")
    assert done.returncode == 1 and "CPU_ONLY=1 needs uv" in done.stderr and "pip" not in machine.commands


def test_without_uv_pip_installs(machine):
    (machine.bin / "uv").unlink()
    assert machine.call().returncode == 0 and machine.ready
    assert re.search(r"python -m pip install .*requirements\.txt -c .*constraints\.txt", machine.commands)


def test_too_old_python_is_said(machine):
    assert machine.call(TOO_OLD="1").returncode == 0 and "--python 3.12" in machine.commands  # uv brings one
    shutil.rmtree(machine.repo / ".venv")
    (machine.bin / "uv").unlink()
    done = machine.call(TOO_OLD="1")
    assert done.returncode == 1 and "Python 3.11 or later is needed" in done.stderr


@pytest.mark.parametrize("compiled", [True, False])
def test_bytecode_is_made_where_the_installer_made_none(machine, compiled):
    for number in range(20):
        (machine.site / f"{number}.py").touch()
        if compiled:
            (machine.site / f"{number}.cpython-312.pyc").touch()
    machine.call()
    assert ("-m compileall" in machine.commands) is not compiled


def test_colab_keeps_its_own_packages(machine):
    assert machine.call(COLAB_RELEASE_TAG="1", COLAB_LACKS="papermill flaml").returncode == 0
    assert "python -m pip install -q papermill flaml\n" in machine.commands
    assert not (machine.repo / ".venv").exists() and "python -m helpers.run" in machine.commands
    machine.call(COLAB_RELEASE_TAG="1", COLAB_LACKS="")
    assert "pip install" not in machine.commands
    machine.call(COLAB_RELEASE_TAG="1", KAGGLE_KERNEL_RUN_TYPE="Interactive")
    assert machine.ready


def test_colabs_versions_have_an_environment_of_their_own(machine):
    told = machine.call("run_tests.sh", "--colab", "-x").stdout
    assert "|--ignore=tests/test_workbook.py|-x|" in told
    assert re.search(r"uv venv --quiet --python 3\.13 .*/\.venv-colab\n", machine.commands)
    assert re.search(r"uv pip install .*tests/colab\.txt -r .*requirements-colab\.txt", machine.commands)
    machine.call("run_tests.sh", "--colab")
    assert "uv" not in machine.commands
    (machine.repo / "tests" / "colab.txt").write_text("numpy==2.2\n")
    machine.call("run_tests.sh", "--colab")
    assert "uv pip" in machine.commands and "uv venv" not in machine.commands


def test_the_browser_is_set_up_when_asked_for(machine):
    machine.call("run_tests.sh")
    assert "playwright" not in machine.commands
    told = machine.call("run_tests.sh", "--browser", "-x").stdout
    assert told.endswith("|-m|pytest|tests/browser|-x|") and "python -m playwright install chromium" in machine.commands
    machine.stub("chromium", "#!/bin/sh\n")
    machine.call("run_tests.sh", "--browser")
    assert "playwright install" not in machine.commands


# The lists agree with one another


def locked():
    """Versions in constraints.txt by package; a package may have one for each Python."""
    versions = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE):
        versions.setdefault(name, []).append(version)
    return versions


def test_every_requirement_is_locked():
    wanted = re.findall(r"^([\w-]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(wanted) > 20 and set(wanted) <= set(locked())


def test_lists_name_no_place():
    for name in (*LISTS, "environment.yml", "helpers/setup.sh", "run_all.sh", "run_tests.sh", ".ci/run"):
        assert not re.search(r"https?:|index-url|find-links|file:", (ROOT / name).read_text()), name


def test_hooks_use_the_locked_versions():
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    for tool, address in (("ruff", "ruff-pre-commit"), ("nbstripout", "nbstripout"), ("codespell", "codespell")):
        revision = re.search(rf"/{address}\n\s+rev: v?([\d.]+)\n", hooks)[1]
        assert [revision] == locked()[tool]


def test_one_version_and_one_address_everywhere():
    project, citation = (ROOT / "pyproject.toml").read_text(), (ROOT / "CITATION.cff").read_text()
    assert f'version = "{helpers.__version__}"' in project and f"version: {helpers.__version__}\n" in citation
    assert re.search(r"repository-code: (\S+)", citation)[1] == re.search(r'Repository = "(\S+)"', project)[1]
