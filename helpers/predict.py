"""Your own video: `python -m helpers.predict clip.mp4`, or a folder of frames and --fps. `--help` lists the options.

From Python: `from helpers import predict; result = predict.video("clip.mp4"); result.table`. Exit status: 0 looked
through (an abstention is an answer), 2 the recording or the model was refused.
"""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from helpers import storage, workspace
from helpers.workspace import WorkbookError

SHOWN = 5  # problems of quality that are printed; the file has all


def video(path, model="", fps=None, onset=None, apex=None, offset=None):
    """Go through a video or a folder of frames: inference.video.Result, whose `table` has a row a movement.

    model: folder of a stored model, or of a dataset's outputs; by default outputs/demo, and where no model is stored
    there, models trained on the demo now (minutes, once). Other arguments, and errors: `inference.video.analyse`.
    """
    from helpers.inference import stored  # heavy: after the command line is known to be right
    from helpers.inference import video as inference

    if not Path(path).expanduser().exists():
        raise WorkbookError("there is no such file or folder", file=path, remedy="check the path")
    folders = stored.find(model) if model else stored.found(workspace.ROOT / "outputs" / "demo")
    models = {task: stored.load(folder) for task, folder in folders.items()} or _trained_now
    return inference.analyse(path, models, fps, onset, apex, offset)


def write(result, folder, annotate=False):
    """Write prediction.json, prediction.csv, prediction.png and, on request, prediction.mp4: list of paths."""
    from helpers.show import annotated_video, own_video

    folder = workspace.out_dir(folder)
    paths = [folder / f"prediction.{kind}" for kind in ("json", "csv", "png", "mp4")][: 3 + annotate]
    with storage.atomic(paths[0]) as temporary:
        temporary.write_text(json.dumps(_plain(result.as_dict()), indent=1), encoding="utf-8")
    with storage.atomic(paths[1]) as temporary:
        result.table.to_csv(temporary, index=False)
    own_video.save_figure(result, paths[2])
    if annotate:
        annotated_video.write(result, paths[3])
    return paths


def parse(argv=None):
    """Command line to namespace."""
    about = "Look for micro-expressions in a video or a folder of frames."
    parser = argparse.ArgumentParser("helpers.predict", description=about, allow_abbrev=False)
    parser.add_argument("recording", type=Path, help="video file, or folder of numbered pictures")
    for name in ("onset", "apex", "offset"):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"frame of the {name}, if somebody coded it")
    parser.add_argument("--fps", type=float, metavar="F", help="frame rate: of a folder; overrules a video's own")
    parser.add_argument("--model", default="", metavar="PATH", help="a stored model, or outputs/<dataset>")
    parser.add_argument("--out", default="", metavar="DIR", help="default: outputs/own_video/<name of the recording>")
    parser.add_argument("--video", action="store_true", help="write an annotated video, too")
    return parser.parse_args(argv)


def main(argv=None):
    """Print what was found and where it is written; returns the exit status."""
    args = parse(argv)
    sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character must not end this
    try:
        keys = {name: getattr(args, name) for name in ("onset", "apex", "offset")}
        result = video(args.recording, args.model, args.fps, **keys)
        written = write(result, args.out or f"outputs/own_video/{args.recording.resolve().stem}", args.video)
    except WorkbookError as error:
        print(error, file=sys.stderr)
        return 2
    from helpers.show import own_video

    print(own_video.say_result(result).replace("**", "").replace(". ", ".\n"))
    problems = result.recording.problems
    for number, what, detail in problems[:SHOWN]:
        where = "recording" if number is None else f"frame {number}"
        print(f"quality: {where}: {', '.join(map(str, filter(None, (what, detail))))}")
    if len(problems) > SHOWN:
        print(f"quality: and {len(problems) - SHOWN} more, in {written[0].name}")
    print(*(f"note: {note}" for note in result.notes), own_video.say_latency(result), sep="\n")
    print(*(f"written: {path}" for path in written), sep="\n")
    return 0


def _trained_now():
    from helpers import datasets
    from helpers.inference import training

    told = "No model is stored in outputs/demo: models of the demo's synthetic people are asked. "
    print(told + "Where none were trained yet, they are now, which takes minutes, once.", file=sys.stderr)
    samples = datasets.load("demo")
    run = SimpleNamespace(profile=workspace.profile("quick"), seed=0, checkpoints=None, notes={})
    return training.ready(samples, run, workspace.ROOT / "outputs" / "demo")


def _plain(value):
    """JSON has no NaN: unknown numbers become null."""
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and value != value else value


if __name__ == "__main__":
    sys.exit(main())
