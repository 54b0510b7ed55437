"""Weights from outside: used only with the right checksum, never unpickled as objects, and missed aloud."""

import hashlib
import http.server
import os
import pickle
import threading

import numpy as np
import pytest
import torch
from torchvision.models import optical_flow
from torchvision.models._api import Weights, WeightsEnum

from helpers import weights, workspace
from helpers.motion import flow, methods
from helpers.weights import Unavailable, WrongHash
from helpers.workspace import WorkbookError

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody answers


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty models folder, an empty torch cache, and no proxy on the way to this machine."""
    monkeypatch.setenv(workspace.MODELS_VARIABLE, str(tmp_path / "models"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    methods._raft.cache_clear()
    yield tmp_path / "models"
    methods._raft.cache_clear()


@pytest.fixture
def server(tmp_path):
    """Address of a web server on this machine, and the folder it serves."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "served"))

        def log_message(self, *args):
            pass

    (tmp_path / "served").mkdir()
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", tmp_path / "served"
    running.shutdown()
    running.server_close()


def checksum(content):
    return hashlib.sha256(content).hexdigest()


def entry_of(address, name):
    """A weights entry as torchvision has them."""

    class Made(WeightsEnum):
        C_T_V2 = Weights(url=f"{address}/{name}", transforms=None, meta={})

    return Made


def put(folder, content, stem="raft_small_C_T_V2", suffix=".pth"):
    """Write content under a name that ends in the beginning of its hash, as torchvision names weights."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{checksum(content)[:8]}{suffix}"
    path.write_bytes(content)
    return path


@pytest.fixture(scope="module")
def state_dict(tmp_path_factory):
    """Bytes of a state dict of the small RAFT with random weights."""
    path = tmp_path_factory.mktemp("raft") / "x.pth"
    torch.manual_seed(0)
    torch.save(optical_flow.raft_small().state_dict(), path)
    return path.read_bytes()


def test_a_file_on_disk_is_used_only_when_its_checksum_is_right(models):
    models.mkdir()
    (models / "net.onnx").write_bytes(b"a network")
    assert weights.file("net.onnx", f"{NOWHERE}/net.onnx", checksum(b"a network")) == models / "net.onnx"
    (models / "net.onnx").write_bytes(b"another network")
    with pytest.raises(WorkbookError, match=r"net\.onnx.*not the one that was checked.*delete it") as refused:
        weights.file("net.onnx", f"{NOWHERE}/net.onnx", checksum(b"a network"))
    assert not isinstance(refused.value, Unavailable), "a wrong file is no reason for a stand-in"


def test_what_is_not_here_is_fetched_once_and_checked(models, server):
    address, served = server
    (served / "net.onnx").write_bytes(b"a network")
    path = weights.file("net.onnx", f"{address}/net.onnx", checksum(b"a network"))
    assert path == models / "net.onnx" and path.read_bytes() == b"a network"
    (served / "net.onnx").unlink()
    assert weights.file("net.onnx", f"{address}/net.onnx", checksum(b"a network")) == path


def test_what_comes_with_another_checksum_is_not_kept(models, server):
    address, served = server
    (served / "net.onnx").write_bytes(b"something else")
    with pytest.raises(WrongHash, match=r"net\.onnx.*could not be fetched.*What to do"):
        weights.file("net.onnx", f"{address}/net.onnx", checksum(b"a network"))
    assert not list(models.glob("*net*"))


@pytest.mark.parametrize("at", [NOWHERE, "server"])
def test_what_cannot_be_fetched_is_unavailable_and_says_where_to_put_it(models, server, at):
    address = server[0] if at == "server" else at
    with pytest.raises(Unavailable, match=rf"net\.onnx.*could not be fetched.*{address}/net\.onnx.*models"):
        weights.file("net.onnx", f"{address}/net.onnx", checksum(b""))
    entry = entry_of(address, "raft-01234567.pth").C_T_V2
    with pytest.raises(Unavailable, match=rf"raft-01234567\.pth.*could not be fetched.*{address}/raft-01234567\.pth"):
        weights.of_torchvision(entry)


def test_raft_without_weights_is_unavailable_in_words(models, monkeypatch):
    monkeypatch.setattr(optical_flow, "Raft_Small_Weights", entry_of(NOWHERE, "raft_small_C_T_V2-01234567.pth"))
    picture = np.zeros((128, 128), np.uint8)
    with pytest.raises(Unavailable, match="raft_small_C_T_V2-01234567.pth are not on this machine"):
        methods.raft(picture, picture)


def test_raft_with_weights_of_the_right_hash_gives_flow(models, state_dict, monkeypatch):
    path = put(models, state_dict)
    monkeypatch.setattr(optical_flow, "Raft_Small_Weights", entry_of(NOWHERE, path.name))
    rng = np.random.default_rng(0)
    found = methods.raft(*rng.integers(0, 255, (2, 100, 128), np.uint8))
    assert found.shape == (2, 100, 128) and found.dtype == np.float32 and np.isfinite(found).all()


def test_weights_in_torchs_own_cache_are_found_and_checked_there_too(models, state_dict):
    path = put(models.parent / "torch" / "hub" / "checkpoints", state_dict)
    entry = entry_of(NOWHERE, path.name).C_T_V2
    assert set(weights.of_torchvision(entry)) == set(optical_flow.raft_small().state_dict())
    path.write_bytes(state_dict + b"!")
    with pytest.raises(WorkbookError, match=f"{path.name}: the weights' hash is not the one in their name"):
        weights.of_torchvision(entry)


def test_weights_are_downloaded_into_the_models_folder(models, server, state_dict):
    address, served = server
    path = put(served, state_dict)
    entry = entry_of(address, path.name).C_T_V2
    assert "feature_encoder.convnormrelu.0.weight" in weights.of_torchvision(entry)
    assert (models / path.name).read_bytes() == state_dict
    (served / path.name).unlink()
    weights.of_torchvision(entry)


def test_downloaded_weights_with_another_hash_are_not_kept(models, server, state_dict):
    address, served = server
    path = put(served, state_dict)
    path.write_bytes(state_dict[:-1] + b"!")
    with pytest.raises(Unavailable, match=path.name):
        weights.of_torchvision(entry_of(address, path.name).C_T_V2)
    assert not list(models.glob("*.pth"))


def test_weights_of_another_hash_are_refused_by_name(models, state_dict, monkeypatch):
    path = put(models, state_dict)
    path.write_bytes(state_dict[:-1] + b"!")
    monkeypatch.setattr(optical_flow, "Raft_Small_Weights", entry_of(NOWHERE, path.name))
    picture = np.zeros((128, 128), np.uint8)
    with pytest.raises(WorkbookError, match=f"{path.name}: the weights' hash.*delete it") as refused:
        methods.raft(picture, picture)
    assert not isinstance(refused.value, Unavailable)


class Trap:
    """Whoever unpickles this leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("by", ["pickle", "torch"])
def test_a_pickle_in_place_of_weights_is_refused_and_never_run(models, tmp_path, by):
    trap = Trap(tmp_path / "sprung")
    if by == "torch":
        torch.save({"weight": trap}, tmp_path / "x.pth")
    content = pickle.dumps(trap, protocol=2) if by == "pickle" else (tmp_path / "x.pth").read_bytes()
    path = put(models, content)
    with pytest.raises(WorkbookError, match=path.name):
        weights.of_torchvision(entry_of(NOWHERE, path.name).C_T_V2)
    assert not (tmp_path / "sprung").exists()


def test_missing_weights_end_in_their_name_and_are_looked_for_again_next_time(models, state_dict, demo, monkeypatch):
    few = demo.head(2)
    few.attrs = demo.attrs
    name = f"raft_small_C_T_V2-{checksum(state_dict)[:8]}.pth"
    monkeypatch.setattr(optical_flow, "Raft_Small_Weights", entry_of(NOWHERE, name))
    setting = flow.Setting(method="raft", crop=96, size=32)
    with pytest.raises(WorkbookError, match=name):
        flow.extract(few, setting)
    put(models, state_dict)
    methods._raft.cache_clear()
    assert flow.extract(few, setting).values.shape == (2, 1, 3, 32, 32)
