"""The audit process: `python -m mammo_core.datasets.worker RUN_FOLDER`. See runs/process.py."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mammo_core.config import AuditConfig, load_settings
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import Progress, carry_out

RESULT: Final = "audit.json"
REPORT: Final = "report.html"
_QUEUE: Final = "disk"  # audits wait for one another, not for a training


def main(folder: Path) -> int:
    return carry_out(RunFolder(folder), _audit, device=_QUEUE)


def _audit(run: RunFolder) -> str:
    from mammo_core.datasets.audit.report import write_report
    from mammo_core.datasets.audit.result import Severity, write_audit
    from mammo_core.datasets.audit.run import audit_dataset
    from mammo_core.datasets.dataset import read_in_question

    config = load_settings(run.file("run.json"), AuditConfig)
    dataset = read_in_question(Path(config.folder), config.adapter, config.label_rule)
    result = audit_dataset(
        dataset,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        report=Progress(run),
        should_stop=lambda: run.asked_to_stop,
    )
    if run.asked_to_stop:
        return "Stopped on request; nothing was concluded from the files already seen."
    write_report(result, dataset.root, run.file(REPORT))
    write_audit(result, run.file(RESULT))
    told = ", ".join(f"{len(result.of(severity))} {severity}" for severity in Severity)
    return f"{result.images} images looked at. Findings: {told}."


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
