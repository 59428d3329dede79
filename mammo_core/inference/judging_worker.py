"""The judging process: `python -m mammo_core.inference.judging_worker RUN_FOLDER`.

Nothing heavy is imported before the heart beats; see runs/process.py.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from mammo_core.config import JudgeConfig, load_settings
from mammo_core.paths import checkpoints_root, shipped_checkpoints_root
from mammo_core.runs.folder import RunFolder, find_run
from mammo_core.runs.jobs import Progress, carry_out, device_of


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _judge, device=device_of("auto"))


def _judge(job: RunFolder) -> str:
    import torch

    from mammo_core.inference.judging import judge

    config = load_settings(job.file("run.json"), JudgeConfig)
    found = judge(
        config,
        find_run(config.checkpoint, checkpoints_root(), shipped_checkpoints_root()),
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        device="cuda" if torch.cuda.is_available() else "cpu",
        report=Progress(job),
        should_stop=lambda: job.asked_to_stop,
    )
    return "Stopped on request; nothing was kept." if found is None else "\n".join(found.sentences)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
