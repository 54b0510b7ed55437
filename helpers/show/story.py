"""The pictures of notebook 00: a clip as a film strip, its strain over time, and the map of the workbook."""

import base64
import io
import json

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from helpers import datasets, workspace
from helpers.datasets.demo import truth
from helpers.datasets.demo.geometry import GEOMETRY
from helpers.motion import flow, frames
from helpers.show.plots import ACCENT, PALETTE, QUIET

NOTEBOOKS = workspace.ROOT / "notebooks"
HEIGHT = 0.13  # of a box, as a share of the figure


def pick(samples, emotion="happiness"):
    """The demo's strongest clip of an emotion without a blink or a shift of gaze: row, frame numbers, frames.

    Returns (row of Samples, (T,) list of frame numbers, (T, H, W, 3) uint8).
    """
    recipes = truth.table(samples.attrs["root"], "clips").set_index("sample_id")
    still = recipes[(recipes.emotion == emotion) & (recipes.blink == "[]") & (recipes.gaze == "[]")]
    row = samples.set_index("sample_id", drop=False).loc[still.amplitude.idxmax()]
    numbers = list(frames.files(row.path))
    return row, numbers, frames.clip(row, numbers)


def compute_strain(clip, numbers, onset):
    """Optical strain of the inner face since the onset: (T, h, w) float32, dimensionless. Head drift leaves none.

    The inner face reaches from the eyebrows to the mouth. The head's outline is left out: there the flow jumps
    between face and background, which looks like strain and is none.
    """
    gray = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip]
    still = gray[numbers.index(onset)]
    return np.stack([inner(flow.between(still, frame)[2]) for frame in gray])


def inner(picture):
    """The inner face of a demo frame or map (H, W[, 3]): (h, w[, 3])."""
    boxes = np.array([GEOMETRY[name] for name in ("eyebrows", "eyes", "nose", "mouth")])
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    height, width = picture.shape[:2]
    return picture[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def film_strip(clip, numbers, strain, row, shown=7):
    """Frames of a clip above the strain since its onset. Returns a figure.

    clip: (T, H, W, 3) uint8; numbers: (T,) frame numbers; strain: (T, h, w); row: its row of Samples.
    """
    rise = np.linspace(row.onset, row.apex, shown // 2 + 1).round()
    wanted = np.unique(np.r_[rise, np.linspace(row.apex, row.offset, shown - shown // 2).round()]).astype(int)
    figure, axes = plt.subplots(2, len(wanted), figsize=(1.55 * len(wanted), 3.9))
    for (top, bottom), number in zip(axes.T, wanted, strict=True):
        top.imshow(inner(clip[numbers.index(number)]))
        image = bottom.imshow(strain[numbers.index(number)], cmap="magma", vmin=0, vmax=strain.max())
        name = {row.onset: "onset", row.apex: "apex", row.offset: "offset"}.get(number, "")
        seconds = (number - row.onset) / row.fps
        top.set_title(f"{name}\n{seconds:.3f} s", fontsize=9, loc="center", fontweight="bold" if name else "normal")
    for spot in axes.flat:
        spot.set_axis_off()
    figure.colorbar(image, ax=axes[1], shrink=0.8, label="strain")
    length = (row.offset - row.onset) / row.fps
    figure.suptitle(
        f"{row.emotion} ({row.aus}), over in {length:.2f} s (top: what a camera sees; bottom: strain of the skin)"
    )
    return figure


def compute_motion(strain, numbers):
    """Strain over time: a table frame, strain (mean of the strongest 5 % of pixels, dimensionless)."""
    pixels = np.sort(strain.reshape(len(strain), -1), axis=1)
    return pd.DataFrame({"frame": numbers, "strain": pixels[:, int(0.95 * pixels.shape[1]) :].mean(axis=1)})


def plot_motion(motion, row):
    """Strain over time with the three key frames. Returns a figure."""
    seconds = (motion.frame - row.onset) / row.fps
    figure, axes = plt.subplots(figsize=(7.5, 2.6))
    axes.plot(seconds, motion.strain, color=ACCENT)
    for name in ("onset", "apex", "offset"):
        moment = (row[name] - row.onset) / row.fps
        axes.axvline(moment, color=QUIET, linestyle=":")
        axes.annotate(name, (moment, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=9)
    axes.set(xlabel="seconds since onset", ylabel="strain since onset\n(strongest 5 % of pixels)", ylim=(0, None))
    peak = 1000 * (motion.frame[motion.strain.idxmax()] - row.apex) / row.fps
    when = "at" if peak == 0 else f"{abs(peak):.0f} ms {'before' if peak < 0 else 'after'}"
    axes.set_title(f"The strain peaks {when} the coded apex", pad=18)
    return figure


def animation(clip, numbers, row, slower=8):
    """The clip as a GIF (bytes), `slower` times slower than life, for Jupyter's Image."""
    from PIL import Image

    start, stop = numbers.index(row.onset), numbers.index(row.offset)
    pictures = [Image.fromarray(frame) for frame in clip[start : stop + 1 : 2]]
    memory = io.BytesIO()
    milliseconds = int(1000 * 2 * slower / row.fps)
    pictures[0].save(memory, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
    return memory.getvalue()


# The "AI triad" (data, algorithms, computing power) of both questions: (x, y, text, notebook that treats it)
BOXES = {
    "question": (0.5, 0.93, "What can be read from a micro-expression,\nand how sure may we be?", "11"),
    "intensity": (0.2, 0.72, "How intense?\nemotion as a continuous value", "05"),
    "rare": (0.57, 0.72, "Which one, also when rare?\nclass imbalance, few people", "09"),
    "tools": (0.89, 0.72, "Generative tools\nwhat they may draft", "07"),
    "data_i": (0.2, 0.5, "DATA\nsoft labels 0..1 from onset, apex, offset", "01"),
    "data_r": (0.57, 0.5, "DATA\nlabelled clips of uneven classes", "01"),
    "chatgpt": (0.89, 0.5, "ChatGPT\ncode prototyping", "07"),
    "algo_i": (0.2, 0.29, "ALGORITHMS\nCNN + LSTM, regression losses", "05"),
    "algo_r": (0.57, 0.29, "ALGORITHMS\nSMOTE, class weights, focal loss", "03"),
    "storm": (0.89, 0.29, "STORM\nliterature mapping", "07"),
    "power_i": (0.2, 0.08, "COMPUTING POWER\noptical flow on CPU; GPU optional", "02"),
    "power_r": (0.57, 0.08, "COMPUTING POWER\nfolds in parallel on CPU cores", "04"),
    "hub": (0.89, 0.08, "Hugging Face\npretrained models", "03"),
}
ARROWS = [
    ("question", "intensity"), ("intensity", "data_i"), ("data_i", "algo_i"), ("algo_i", "power_i"),
    ("question", "rare"), ("rare", "data_r"), ("data_r", "algo_r"), ("algo_r", "power_r"),
    ("question", "tools"), ("tools", "chatgpt"), ("chatgpt", "storm"), ("storm", "hub"),
]  # fmt: skip
COLOURS = {"i": PALETTE["happiness"], "r": PALETTE["disgust"]}


def compute_datasets(chosen, data_dir):
    """Every dataset the workbook reads: title, people, clips, labels, how to get it, and whether it is on this machine.

    chosen, data_dir: the dataset of this run and the folder given for it.
    """
    rows = []
    for name in datasets.names():
        card, folder = datasets.card(name), workspace.data_dir(name, data_dir if name == chosen else "")
        here = bool(card.get("synthetic")) or (folder.is_dir() and any(folder.iterdir()))
        rows.append((name, *(card[key] for key in ("title", "people", "clips", "labels", "access")), here))
    return pd.DataFrame(rows, columns=["dataset", "title", "people", "clips", "labels", "access", "here"])


def contents():
    """The notebooks that are here, in order: number, file, question (its title)."""
    rows = []
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]).splitlines()[0]
        rows.append((path.name[:2], path.name, first.lstrip("# ").split(" · ", 1)[-1]))
    return pd.DataFrame(rows, columns=["number", "file", "question"])


def workbook_map():
    """The contents as an HTML table whose rows open the notebooks."""
    table = contents()
    table["question"] = [f'<a href="{file}">{text}</a>' for file, text in zip(table.file, table.question, strict=True)]
    return HTML(table[["number", "question"]].to_html(escape=False, index=False))


def plot_triad():
    """Both research questions as data, algorithms and computing power. Returns a figure (see `linked`)."""
    figure, axes = plt.subplots(figsize=(11, 5.6), layout="none")
    figure.subplots_adjust(0, 0, 1, 1)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    for start, end in ARROWS:
        (tail_x, tail_y, *_), (head_x, head_y, *_) = BOXES[start], BOXES[end]
        # every arrow leaves the middle of a lower edge, fanned out a little, and enters the middle of an upper one
        ends = (tail_x + 0.4 * (head_x - tail_x), tail_y - HEIGHT / 2), (head_x, head_y + HEIGHT / 2)
        axes.add_patch(FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=12, color=QUIET))
    for name, (x, y, text, _) in BOXES.items():
        left, bottom, width, height = _place(name)
        colour = _colour(name)
        shape = "round,pad=0,rounding_size=0.015"
        axes.add_patch(FancyBboxPatch((left, bottom), width, height, boxstyle=shape, fc=colour, ec="none", alpha=0.22))
        axes.text(
            x, y, text, ha="center", va="center", fontsize=9, fontweight="bold" if name == "question" else "normal"
        )
    return figure


def linked(figure):
    """The triad as HTML: the drawn figure with a link over each box whose notebook is here."""
    memory = io.BytesIO()
    figure.savefig(memory, format="png", bbox_inches=None)
    files = contents().set_index("number").file
    links = []
    for name, (*_, number) in BOXES.items():
        if number in files:
            left, bottom, width, height = (100 * value for value in _place(name))
            top = 100 - bottom - height
            style = f"position:absolute;left:{left:.1f}%;top:{top:.1f}%;width:{width:.1f}%;height:{height:.1f}%"
            links.append(f'<a href="{files[number]}" title="notebook {number}" style="{style}"></a>')
    picture = base64.b64encode(memory.getvalue()).decode()
    image = f'<img alt="the AI triad of both questions" style="width:100%" src="data:image/png;base64,{picture}">'
    return HTML(f'<div style="position:relative;max-width:1100px">{image}{"".join(links)}</div>')


def mermaid():
    """The same chart as mermaid source, for the README."""
    lines = [f'    {name}["{text}"]'.replace("\n", "<br>") for name, (_, _, text, _) in BOXES.items()]
    lines += [f"    {start} --> {end}" for start, end in ARROWS]
    return "\n".join(["flowchart TD", *lines])


def _place(name):
    x, y, *_ = BOXES[name]
    width, height = (0.42 if name == "question" else 0.2 if x > 0.8 else 0.31), HEIGHT
    return x - width / 2, y - height / 2, width, height


def _colour(name):
    if name == "question":
        return ACCENT
    return COLOURS.get(
        "i" if name == "intensity" else "r" if name == "rare" else name[-1] if "_" in name else "", QUIET
    )
