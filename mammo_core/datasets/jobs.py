"""Audits as runs: started in a process of their own, found again by what they audited."""

from pathlib import Path

from mammo_core.config import AuditConfig
from mammo_core.datasets.dataset import Registered
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import latest_run, start_run


def start_audit(entry: Registered, root: Path) -> RunFolder:
    """Start the audit of a registered data set; its run lies below `root`."""
    return start_run(_settings_of(entry), root, what="audit", total=0)


def latest_audit(entry: Registered, root: Path) -> RunFolder | None:
    """The newest audit of that very folder, adapter and label rule, at whatever stage it is."""
    return latest_run(_settings_of(entry), root)


def _settings_of(entry: Registered) -> AuditConfig:
    return AuditConfig(
        name=entry.name, folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule
    )
