"""A study with its results, its flow, its Table 1: what sections and checklists are made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mammo_core.errors import MammoError
from mammo_core.reports.document import Table
from mammo_core.reports.flow import Flow, flow_of
from mammo_core.reports.study import Study, read_study
from mammo_core.reports.study_results import Results, measure_study
from mammo_core.reports.table_one import table_one
from mammo_core.runs.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reported:
    """`results` is None where nothing can be measured, and `why_no_results` says why."""

    study: Study
    flow: Flow
    table_one: Table | None
    table_one_lacks: str
    results: Results | None
    why_no_results: str


def read_reported(run: RunFolder, roots: Sequence[Path], *, audits: Path) -> Reported:
    """Everything that a report of `run` tells."""
    study = read_study(run, roots, audits=audits)
    results, reason = _measured(study)
    table = table_one(study)
    return Reported(
        study=study,
        flow=flow_of(study),
        table_one=table[0] if table is not None else None,
        table_one_lacks=table[1] if table is not None else "",
        results=results,
        why_no_results=reason,
    )


def _measured(study: Study) -> tuple[Results | None, str]:
    """One missing thing shall not cost the whole report: it is said where the results would be."""
    try:
        return measure_study(study), ""
    except MammoError as error:
        return None, str(error)
