"""What a notebook leaves behind: figures, tables, sentences with numbers filled in, predictions, scores, run.json."""

import base64
import html
import json
import platform
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import pandas as pd
from IPython.display import HTML, Markdown, display
from threadpoolctl import threadpool_info

from helpers import datasets, privacy, storage, workspace
from helpers.evaluation import agreement
from helpers.evaluation import predictions as prediction_tables
from helpers.evaluation import scores as score_tables
from helpers.inference import stored
from helpers.show import plots
from helpers.workspace import NotApplicable

FACES = "helpers.motion.faces"  # not imported here: most notebooks look for no face


class Run:
    """One run of one notebook: its parameters, its folder outputs/<dataset>/<notebook>, everything it writes.

    Files are written to a hidden folder beside and take their place together when the run finishes: what lies in
    outputs is always one whole run. Raises WorkbookError for an unknown dataset or profile, or outputs that can't
    be written.
    """

    def __init__(self, notebook, dataset, data_dir, annotations, out_dir, profile, seed):
        datasets.reader(dataset)
        self.profile = workspace.profile(profile)
        self.seed, self.notebook, self.label = seed, notebook, dataset
        self.parameters = {
            "DATASET": dataset, "DATA_DIR": data_dir, "ANNOTATIONS": annotations, "OUT_DIR": out_dir,
            "PROFILE": profile, "SEED": seed,
        }  # fmt: skip
        self.folder = workspace.out_dir(out_dir) / dataset / notebook
        self.work = self.folder.with_name(f".{notebook}.running")
        self.old = self.folder.with_name(f".{notebook}.old")
        self._take_back()
        shutil.rmtree(self.work, ignore_errors=True)  # what a killed run left
        self.work.mkdir(parents=True)
        self.started, self.files, self.sentences, self.notes = time.time(), [], [], {"weights": "none"}
        if FACES in sys.modules:
            sys.modules[FACES].detector.cache_clear()  # whether this run looks for faces, not the one before it
        workspace.seed(seed)
        workspace.one_thread()
        plots.use_style()
        pd.set_option("display.max_colwidth", 100)

    @property
    def checkpoints(self):
        """Folder where long loops keep finished folds."""
        return self.folder / "checkpoints"

    @property
    def seeds(self):
        """Seeds of this run: SEED and, in profile full, those after it."""
        return tuple(range(self.seed, self.seed + self.profile.seeds))

    def load(self):
        """Samples of this run's dataset; their origin goes into run.json."""
        p = self.parameters
        return self.use(datasets.load(p["DATASET"], p["DATA_DIR"], p["ANNOTATIONS"], p["PROFILE"], p["SEED"]))

    def use(self, samples):
        """Record what the figures and tables are made from, say what a reader must know of it, and return it."""
        name, synthetic = samples.attrs["dataset"], samples.attrs["synthetic"]
        parts = sorted(samples.dataset.unique())
        self.label = name if parts == [name] else f"{name}: {' + '.join(parts)}"
        if synthetic:
            self.label += " (synthetic)"
            display(Markdown("*Synthetic data: nothing below is a statement about real faces.*"))
        self.notes |= {"synthetic": synthetic, "samples": len(samples), "people": samples.subject.nunique()}
        self.notes["data_fingerprint"] = storage.fingerprint(samples.attrs["root"], times=False)
        for item in samples.attrs["repairs"]:
            if item["row"] == "all":  # a repair that concerns more than a row
                display(Markdown(f"*{item['sample_id']}: {item['problem']}, {item['repair']}; {item['reason']}.*"))
        return samples

    def use_papers(self, papers):
        """Record that figures and tables are made from a bibliography, whatever this run's dataset; return it.

        papers: table of helpers.literature.corpus; its attrs name where it comes from.
        """
        self.label = f"literature: {len(papers)} papers"
        self.notes |= {
            "papers": len(papers),
            "corpus": papers.attrs["origin"],
            "data_fingerprint": papers.attrs["digest"],
        }
        return papers

    def figure(self, figure, name, show=True, data=True):
        """Save a figure as figures/<name>.png and show it; one made of data carries the dataset's name on it."""
        if data:
            plots.stamp(figure, self.label)
        self._write(f"figures/{name}.png", lambda path: figure.savefig(path))
        if show:
            display(figure)
        plots.close(figure)

    def animation(self, gif, name):
        """Save a GIF (bytes) as figures/<name>.gif and show it, in exported pages too."""
        self._write(f"figures/{name}.gif", lambda path: path.write_bytes(gif))
        return HTML(f'<img alt="{name}" src="data:image/gif;base64,{base64.b64encode(gif).decode()}">')

    def page(self, text, name, height=640):
        """Save a self-contained HTML page as <name>.html and show it, walled off from the notebook around it."""
        self._write(f"{name}.html", lambda path: path.write_text(text, encoding="utf-8"))
        wall = 'sandbox="allow-scripts allow-popups allow-popups-to-escape-sandbox"'
        style = f"width:100%;height:{height}px;border:1px solid #8884"
        return HTML(f'<div><iframe title="{name}" {wall} style="{style}" srcdoc="{html.escape(text)}"></iframe></div>')

    def table(self, table, name, digits=3):
        """Save a table as tables/<name>.csv and return it for display, rounded for the eye only.

        A table made from synthetic data says so in a last column `data`.
        """
        saved = table.assign(data=self.label) if self.notes.get("synthetic") else table
        self._write(f"tables/{name}.csv", lambda path: saved.to_csv(path, index=table.index.name is not None))
        return table.round(digits)

    def say(self, text, **numbers):
        """Show a sentence whose numbers code has filled in, and keep it in run.json."""
        sentence = text.format(**numbers)
        self.sentences.append(re.sub(r"\s+", " ", sentence))
        display(Markdown(sentence))

    def keep(self, predictions):
        """Write predictions.csv, scores.csv and scores.json. Returns the score table."""
        table = score_tables.score(predictions, self.profile.resamples, self.seed)
        prediction_tables.write(predictions, self.work / "predictions.csv")
        score_tables.write(predictions, table, self.work)
        self.files += ["predictions.csv", "scores.csv", "scores.json"]
        return table

    def keep_intensity(self, predictions):
        """Write predictions_intensity.csv and tables/intensity_scores.csv. Returns the score table."""
        agreement.write(predictions, self.work / "predictions_intensity.csv")
        self.files.append("predictions_intensity.csv")
        table = agreement.scores(predictions, self.profile.resamples, self.seed)
        self.table(table, "intensity_scores")
        return table

    def keep_model(self, trained):
        """Store a model (helpers.inference.stored.Trained) as model/, where notebook 10 and helpers.predict find it."""
        self.files += [f"model/{name}" for name in stored.save(self.work / "model", trained)]

    def not_applicable(self, why):
        """End the notebook here: it has nothing to work on in this dataset. The runner reports why."""
        display(Markdown(f"**Not applicable:** {why}"))
        self.finish(status="not applicable", why=str(why))
        raise SystemExit(0)

    @contextmanager
    def unless_not_applicable(self):
        """Around work that some datasets cannot offer: NotApplicable inside ends the notebook with its reason."""
        try:
            yield
        except NotApplicable as why:
            self.not_applicable(why)

    def finish(self, status="ok", **notes):
        """Write run.json, put everything in the place of the last run, list what was written."""
        shown = {name: _shareable(value) for name, value in self.parameters.items()}
        self._note_detector()
        content = {
            "notebook": self.notebook, "status": status, "parameters": shown, **self.notes, **notes,
            "seconds": round(time.time() - self.started, 1), "device": device(), "jobs": workspace.jobs(),
            "threads": max((pool["num_threads"] for pool in threadpool_info()), default=1),
            "python": platform.python_version(), "packages": workspace.versions(), "commit": commit(),
            "files": sorted(self.files), "sentences": self.sentences,
        }  # fmt: skip
        content = privacy.shareable(
            content, *(self.parameters[name] for name in ("DATA_DIR", "ANNOTATIONS", "OUT_DIR"))
        )
        self._write("run.json", lambda path: path.write_text(json.dumps(content, indent=1)))
        self._publish()
        return pd.DataFrame({"written": sorted(self.files)})

    def _note_detector(self):
        """Whatever looked for faces in this run stands in run.json; the stand-in is said aloud as well."""
        used = FACES in sys.modules and sys.modules[FACES].detector.cache_info().currsize
        self.notes["face_detector"] = sys.modules[FACES].detector()[0] if used else "none"
        if self.notes["face_detector"] == "LBP cascade":
            self.say("YuNet could not be fetched: faces were located by scikit-image's LBP cascade, more coarsely.")

    def _write(self, name, save):
        with storage.atomic(self.work / name) as temporary:
            save(temporary)
        self.files.append(name)

    def _take_back(self):
        """What a run that was killed while it published had moved: the results before it, and the finished folds."""
        if self.old.exists() and not self.folder.exists():
            self.old.rename(self.folder)
        moved = self.work / "checkpoints"
        if moved.exists() and not self.checkpoints.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            moved.rename(self.checkpoints)

    def _publish(self):
        shutil.rmtree(self.old, ignore_errors=True)
        if self.checkpoints.exists():
            self.checkpoints.rename(self.work / "checkpoints")
        if self.folder.exists():
            self.folder.rename(self.old)
        self.work.rename(self.folder)
        shutil.rmtree(self.old, ignore_errors=True)


def device():
    """What the run computed on. A GPU counts only if torch was used and saw it."""
    if "torch" in sys.modules:
        return dict(zip(("kind", "name"), workspace.device(), strict=True))
    return {"kind": "cpu", "name": f"{workspace.cores()} CPU cores"}


def commit():
    """Git commit of the workbook, with `+changes` when files differ from it; "unknown" outside a checkout."""
    if not (workspace.ROOT / ".git").exists() or not shutil.which("git"):
        return "unknown"
    git = ["git", "-C", str(workspace.ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True).stdout.strip()
    return head.stdout.strip() + ("+changes" if changed else "") if head.returncode == 0 else "unknown"


def _shareable(value):
    """Parameters go into results that people share: of a path only its last folder."""
    return privacy.last(value) if isinstance(value, str) and "/" in value else value
