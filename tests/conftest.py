"""What the tests share: the folder of real data (or a skip that says so), small data in each source's own layout."""

import os
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest

from helpers import datasets, workspace
from helpers.datasets import megc2019
from helpers.motion import flow

LONGEST = ("test_workbook.py", "test_watermark.py")
SHARED = Path(os.environ.get("MICROEXPRESSION_SHARED", workspace.ROOT.parent / "shared"))
HEADER = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"]


def pytest_collection_modifyitems(items):
    """The longest files first: of two processes one would else wait for the other at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory):
    """Tests keep their own cache, and know the face detector only where a copy of it lies beside the real data."""
    os.environ[workspace.CACHE_VARIABLE] = str(tmp_path_factory.mktemp("cache"))
    if (SHARED / "models").is_dir():
        os.environ[workspace.MODELS_VARIABLE] = str(SHARED / "models")


@pytest.fixture(scope="session")
def shared():
    """Folder of real data that is never part of the repository ($MICROEXPRESSION_SHARED)."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"real data is not at {SHARED}; set MICROEXPRESSION_SHARED to test on it")
    return SHARED


@pytest.fixture(scope="session")
def real_maps(shared):
    """Samples of the public flow maps with CASME II's own labels."""
    return datasets.load("megc2019", str(shared / "data" / "megc2019_flow"), str(casme2_sheet(shared)))


def casme2_sheet(shared):
    return shared / "data" / "annotations" / "CASME2-coding-20140508.xlsx"


@pytest.fixture(scope="session")
def demo_dir(tmp_path_factory):
    """Folder for the demo of profile tiny, made once for all tests."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def demo(demo_dir):
    """Samples of the demo, profile tiny."""
    return datasets.load("demo", str(demo_dir), profile="tiny")


@pytest.fixture(scope="session")
def tiny():
    return workspace.profile("tiny")


def write_sheet(path, rows, header=HEADER):
    book = openpyxl.Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    book.save(path)
    return path


# (Subject, Filename, Onset, Apex, Offset, Action Units, Estimated Emotion): file names repeat across people
CASME2_ROWS = [
    ("01", "EP02_01f", 46, 48, 51, "12", "happiness"),
    ("01", "EP03_02", 8, 10, 12, "4+L10", "disgust"),
    ("2", "EP02_01f", 9, "/", 11, "?", "Others"),
    ("16", "EP01_08", 5, 7, 14, "R1+R2", "surprise"),  # its frames end at 12
]


@pytest.fixture
def casme2_folder(tmp_path):
    """Four small clips of three people in CASME II's layout, with the quirks of the real release."""
    write_sheet(tmp_path / "CASME2-coding-test.xlsx", CASME2_ROWS)
    frames = {"sub01/EP02_01f": (46, 51), "sub01/EP03_02": (8, 12), "sub02/EP02_01f": (9, 11), "sub16/EP01_08": (5, 12)}
    for clip, (first, last) in frames.items():
        folder = tmp_path / "CASME2_RAW_selected" / clip
        folder.mkdir(parents=True)
        for number in range(first, last + 1):
            picture = np.full((12, 16, 3), number, np.uint8)
            cv2.imwrite(str(folder / f"img{number}.png"), picture)
    return tmp_path


def write_flow_release(root, counts, table="labels.csv", folder="flow", seed=0):
    """Invented flow maps in the public release's layout: counts {dataset: (people, (negative, positive, surprise))}."""
    rng, rows = np.random.default_rng(seed), []
    (root / folder).mkdir(parents=True)
    for dataset, (people, emotions) in counts.items():
        labels = np.repeat(["0", "1", "2"], emotions)
        for number, label in enumerate(labels):
            person = number % people + 1
            sub = {"casme2": f"sub{person:02d}", "samm": f"{person:03d}", "smic": f"s{person:02d}"}[dataset]
            clip = f"EP{number:03d}" if dataset == "casme2" else f"{sub}_{number:03d}"
            field = cv2.GaussianBlur(rng.normal(size=(28, 28, 2)).astype(np.float32), (0, 0), 3) * 400
            field[:9, :, 1] += 25 * (int(label) - 1)  # a little signal: the class moves the top of the map
            strain = flow.strain(np.moveaxis(field, -1, 0))
            red_green = np.clip(field + 127, 0, 255)
            picture = np.dstack([np.clip(strain * 3, 0, 255), red_green[..., 1], red_green[..., 0]]).astype(np.uint8)
            cv2.imwrite(str(root / folder / f"{sub}_{clip} .png"), picture)
            rows.append((dataset, sub, clip, label))
    pd.DataFrame(rows, columns=["dataset", "sub", "filename_o", "label"]).to_csv(root / table, index=False)
    return root


@pytest.fixture(scope="session")
def smic_maps(tmp_path_factory):
    """An invented release that holds SMIC only, with the right counts."""
    _, people, *emotions = megc2019.COUNTS["smic"]
    return write_flow_release(tmp_path_factory.mktemp("release"), {"smic": (people, emotions)})
