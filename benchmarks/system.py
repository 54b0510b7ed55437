"""What does the workbook need of a machine? `python benchmarks/system.py` writes outputs/sample/system.json.

README.md shows it. Each step runs in a process of its own: seconds are those of the step alone, memory is the most that
the process and its workers held at once, libraries and data included. On the demo, profile quick, nothing in the caches
of what is timed. Only an idle machine tells the truth.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from helpers import datasets, labels, models, storage, workspace  # noqa: E402

TARGET = ROOT / "outputs" / "sample" / "system.json"
PROFILE = workspace.profile("quick")
MB, POLL = 1e6, 0.05  # s between two looks at the memory


def clips():
    """Samples, scheme and classes of the demo."""
    samples = datasets.load("demo", profile=PROFILE.name)
    scheme = labels.scheme(labels.schemes_for(samples)[0])
    return samples, scheme, labels.targets(samples, scheme.name).to_numpy(str)


def measure_flow():
    from helpers.motion import flow

    samples, _, _ = clips()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[workspace.CACHE_VARIABLE] = folder
        start = time.perf_counter()
        flow.onset_to_apex(samples)
    return time.perf_counter() - start


def train(name):
    from helpers.motion import flow

    samples, _, y = clips()
    X = flow.onset_to_apex(samples).values
    workspace.one_thread()
    start = time.perf_counter()
    models.build(name, PROFILE, 0).fit(X, y, groups=samples.subject.to_numpy(str))
    return time.perf_counter() - start


def train_intensity():
    from helpers.evaluation import intensity, targets
    from helpers.models import intensity as regressors

    found = intensity.clips_of(clips()[0], PROFILE, 0)
    people = found.samples.subject.to_numpy(str)
    workspace.one_thread()
    start = time.perf_counter()
    regressors.build("cnn_lstm", PROFILE, 0).fit(found.values, targets.of(found, "triangle"), groups=people)
    return time.perf_counter() - start


def loso(name):
    from helpers.evaluation import predictions, splits
    from helpers.motion import flow

    samples, scheme, y = clips()
    X = flow.onset_to_apex(samples).values
    start = time.perf_counter()
    predictions.cross_predict("system-loso", [name], X, samples, y, scheme.classes, splits.loso(samples), PROFILE)
    return time.perf_counter() - start


def predict_one_clip():
    from helpers.motion import flow

    samples, _, y = clips()
    fitted = models.build("ours", PROFILE, 0)
    fitted.fit(flow.onset_to_apex(samples).values, y, groups=samples.subject.to_numpy(str))
    workspace.one_thread()
    times = []
    for row in range(20):
        with tempfile.TemporaryDirectory() as folder:
            os.environ[workspace.CACHE_VARIABLE] = folder
            start = time.perf_counter()
            fitted.predict_proba(flow.onset_to_apex(samples.iloc[[row]].reset_index(drop=True)).values)
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


STEPS = {
    "flow": ("optical flow of all clips, onset to apex", measure_flow),
    "train_ours": ("training `ours` on all clips", lambda: train("ours")),
    "train_ststnet": ("training STSTNet on all clips", lambda: train("ststnet")),
    "train_intensity": ("training CNN + LSTM for intensity on all clips", train_intensity),
    "loso_ours": ("LOSO of `ours`, every person held out once", lambda: loso("ours")),
    "loso_ststnet": ("LOSO of STSTNet, every person held out once", lambda: loso("ststnet")),
    "predict": ("inference, one clip: read frames, flow, emotion", predict_one_clip),
}


def in_a_process(step):
    """{seconds, memory_mb, gpu_mb} of a step, from a process that does nothing else."""
    import psutil

    process = subprocess.Popen([sys.executable, __file__, step], stdout=subprocess.PIPE, text=True)
    most, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        held = 0
        for part in [tree, *_children(tree)]:
            try:
                held += part.memory_info().rss
            except psutil.Error:  # it ended between two looks
                continue
        most = max(most, held)
        time.sleep(POLL)
    if process.returncode:
        raise SystemExit(f"step {step} failed")
    return json.loads(process.stdout.read()) | {"memory_mb": round(most / MB)}


def _children(process):
    import psutil

    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def gpu_mb():
    """Most GPU memory that torch held in this process, or None without a GPU."""
    torch = sys.modules.get("torch")
    return round(torch.cuda.max_memory_allocated() / MB) if torch and torch.cuda.is_available() else None


def machine():
    """What the steps ran on, without the machine's name."""
    import psutil

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    installed = sum(path.lstat().st_size for path in Path(sys.prefix).rglob("*") if path.is_file())
    return {
        "processor": named[0] if named else platform.processor() or platform.machine(),
        "cores": workspace.cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "gpu": "none" if workspace.device()[0] == "cpu" else workspace.device()[1],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": workspace.versions()["torch"],
        "packages_gb": round(installed / 1e9, 1),
    }


def main(step=""):
    if step:
        print(json.dumps({"seconds": STEPS[step][1](), "gpu_mb": gpu_mb()}))
        return
    samples = datasets.load("demo", profile=PROFILE.name)  # drawn beforehand
    rows = []
    for name, (title, _) in STEPS.items():
        rows.append({"step": title} | in_a_process(name))
        print(f"{rows[-1]['seconds']:8.2f} s  {rows[-1]['memory_mb']:6} MB  {title}", flush=True)
    with storage.atomic(TARGET) as path:
        size = {"clips": len(samples), "people": samples.subject.nunique(), "profile": PROFILE.name}
        path.write_text(json.dumps({"machine": machine(), **size, "steps": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
