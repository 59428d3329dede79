"""AuditEvidence made by hand, for checks that need no file: a table, and facts as of real files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.datasets.adapters import csv_folder
from mammo_core.datasets.adapters.layout import empty_boxes
from mammo_core.datasets.audit.facts import AuditEvidence, Facts, gather_evidence
from mammo_core.datasets.audit.result import Finding
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.duplicates import Fingerprints
from mammo_core.datasets.small_images import GREY
from mammo_core.tables import check_boxes, shape_manifest

NO_PAIRS = pd.DataFrame({"first": [], "second": [], "correlation": []}).astype(
    {"first": int, "second": int}
)


def rows(count: int, **columns: object) -> pd.DataFrame:
    """`count` images of as many women; every second one has cancer."""
    table = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(count)],
            "path": [f"images/{n}.png" for n in range(count)],
            "patient_id": [f"W{n}" for n in range(count)],
            "label": ["cancer" if n % 2 else "no cancer" for n in range(count)],
        }
    )
    return table.assign(**columns)


def facts_of(paths: Sequence[str], **columns: object) -> Facts:
    """Every file a readable PNG of 2000 x 1000 pixels with a chest wall at the left."""
    table = pd.DataFrame({"path": list(paths)}).assign(
        error=pd.NA,
        code=pd.NA,
        content=[f"content {n}" for n in range(len(paths))],
        kind="PNG",
        bits=16,
        height=2000,
        width=1000,
        is_turned=False,
        is_declared=False,
        is_astray=False,
        is_mask=False,
        is_blank=False,
        wall="L",
        **dict.fromkeys(GREY, 0.5),
    )
    prints = Fingerprints(
        words=np.zeros((len(paths), 8), np.uint64), details=np.zeros((len(paths), 64, 64), np.int8)
    )
    return Facts(table=table.assign(**columns), prints=prints)


def evidence_of(
    table: pd.DataFrame,
    *,
    facts: Facts | None = None,
    pairs: pd.DataFrame = NO_PAIRS,
    boxes: pd.DataFrame | None = None,
) -> AuditEvidence:
    manifest = shape_manifest(table)
    dataset = Dataset(
        root=Path("nowhere"),
        adapter=csv_folder.ADAPTER,
        label_rule=csv_folder.AS_WRITTEN,
        manifest=manifest,
        boxes=empty_boxes() if boxes is None else check_boxes(boxes),
    )
    return gather_evidence(dataset, facts or facts_of(list(manifest["path"].unique())), pairs)


def pair(first: int, second: int) -> pd.DataFrame:
    return pd.DataFrame({"first": [first], "second": [second], "correlation": [0.99]})


def the_one(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, [finding.sentence for finding in findings]
    return findings[0]
