"""Latency of a checkpoint: `python -m mammo_core.inference.latency_worker RUN_FOLDER`.

It waits for the device like a training: two at once would measure each other.
"""

import sys
from pathlib import Path

from mammo_core.config import MeasureConfig, load_settings
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.jobs import Progress, carry_out, device_of
from mammo_core.runs.sidecars import write_latency


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _measure, device=device_of("auto"))


def _measure(job: RunFolder) -> str:
    import torch

    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.latency import measure_latency

    wanted = load_settings(job.file("run.json"), MeasureConfig).checkpoint
    run = find_run(wanted, checkpoints_root(), shipped_checkpoints_root())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    latency = measure_latency(
        load_checkpoint(run.path, device=device),
        report=Progress(job),
        should_stop=lambda: job.asked_to_stop,
    )
    if latency is None:
        return "Stopped on request; nothing was kept."
    write_latency(run, latency)
    return f"{1000 * latency.median_seconds:.1f} ms an image ({latency.machine})."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
