"""The audit as one HTML page that needs nothing else: findings, thumbnails, counts, shortcuts."""

from dataclasses import astuple
from pathlib import Path
from typing import Final

from mammo_core.config import AuditConfig
from mammo_core.datasets.audit.result import (
    AUDIT_FILE,
    REPORT_FILE,
    AuditResult,
    Severity,
    write_audit,
)
from mammo_core.datasets.dataset import Dataset, list_registered
from mammo_core.datasets.small_images import thumbnail
from mammo_core.files import datasets_root, replace_file
from mammo_core.html import jpeg_uri, render
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.jobs import create_run
from mammo_core.types import RunState

_THUMBNAIL: Final = 140  # pixels of the longer side
_MOST_ROWS: Final = 200  # listed per finding; the JSON has all
_MOST_PICTURES: Final = 12


def write_report(result: AuditResult, root: Path, path: Path) -> None:
    """The report of `result` at `path`; thumbnails are made of the images below `root`."""
    replace_file(path, render_report(result, root))


def keep_audit(dataset: Dataset, result: AuditResult, audits: Path) -> RunFolder:
    """`result` where the Data page and the reports of runs look for it, under the name the data set
    is registered by, where it is.
    """
    folder, rule = str(dataset.root.resolve()), result.label_rule
    names = [
        entry.name
        for entry in list_registered(datasets_root())
        if (str(Path(entry.folder).resolve()), entry.adapter, entry.label_rule)
        == (folder, result.adapter, rule)
    ]
    config = AuditConfig(
        name=names[0] if names else folder, folder=folder, adapter=result.adapter, label_rule=rule
    )
    run = create_run(config, audits, what="audit", total=result.images)
    message = put_into(run, dataset, result)
    run.write_status(
        RunStatus(state=RunState.FINISHED, done=result.images, total=result.images, message=message)
    )
    return run


def put_into(run: RunFolder, dataset: Dataset, result: AuditResult) -> str:
    """The audit and its report, in the folder of `run`; what came of it, in words."""
    write_report(result, dataset.root, run.file(REPORT_FILE))
    write_audit(result, run.file(AUDIT_FILE))
    counts = ", ".join(f"{len(result.of(severity))} {severity}" for severity in Severity)
    return f"{result.images} images looked at. Findings: {counts}."


def render_report(result: AuditResult, root: Path) -> str:
    def picture(file: str) -> str | None:
        data = thumbnail(root, file, side=_THUMBNAIL)
        return None if data is None else jpeg_uri(data)

    values = {
        "result": result,
        "counts": {severity: len(result.of(severity)) for severity in Severity},
        "count_rows": [astuple(count) for count in result.counts],
        "shape_rows": [astuple(shape) for shape in result.shapes],
        "picture": picture,
        "most_rows": _MOST_ROWS,
        "most_pictures": _MOST_PICTURES,
    }
    return render("audit.html", values)
