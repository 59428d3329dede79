"""The audit of a data set: one look at its files, a search for copies, then every check."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.datasets.audit import copies, pixels, tables
from mammo_core.datasets.audit.facts import (
    AuditEvidence,
    Facts,
    gather_evidence,
    gather_facts,
    search_copies,
)
from mammo_core.datasets.audit.result import AuditResult, Count, Finding, ImageShape, Severity
from mammo_core.datasets.audit.shortcuts import (
    check_one_sided_values,
    check_precision,
    check_shortcuts,
    measure_precision,
    measure_shortcuts,
)
from mammo_core.datasets.dataset import Dataset, fingerprint_of, reference_of
from mammo_core.words import many

_MOST_SHAPES: Final = 50

#: In the order in which findings of the same severity are shown.
CHECKS: Final[tuple[Callable[[AuditEvidence], list[Finding]], ...]] = (
    tables.check_women_in_splits,
    tables.check_rows_are_images,
    copies.check_copies,
    copies.check_copies_across_splits,
    copies.check_copies_across_labels,
    copies.check_copies_across_women,
    copies.check_copies_across_breasts,
    tables.check_labels_agree,
    tables.check_names_hold_women,
    tables.check_names_of_augmentation,
    tables.check_common_factor,
    pixels.check_files,
    pixels.check_images_are_images,
    pixels.check_inverted,
    pixels.check_laterality,
    tables.check_boxes,
    tables.check_class_balance,
    check_one_sided_values,
    tables.check_sides_and_views,
    pixels.check_sizes,
    pixels.check_compression,
    copies.check_same_exposure,
    tables.check_outcome_columns,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """Who is told what a sample showed, and how long files are looked at until then."""

    tell: Callable[[AuditResult], None]
    after_seconds: float = 10.0


def audit_dataset(
    dataset: Dataset,
    *,
    made_at: str,
    report: Callable[[int, int, str], None] = lambda done, total, message: None,
    should_stop: Callable[[], bool] = lambda: False,
    first: FirstAnswer | None = None,
) -> AuditResult:
    """Look at every file once, search for copies, then ask every check.

    Where that takes long, `first` is told what a sample of the files showed, and the rest goes on.
    """
    paths = list(dataset.manifest["path"].drop_duplicates())
    total = len(paths)

    def look(stop: Callable[[], bool]) -> Facts:
        return gather_facts(
            dataset.root,
            paths,
            report=lambda done, _: report(done, total, f"Looked at {done} of {total} files"),
            should_stop=stop,
        )

    if first is not None:
        ends = time.monotonic() + first.after_seconds
        sample = look(lambda: should_stop() or time.monotonic() > ends)
        if len(sample.table) < total and not should_stop():
            first.tell(_conclude(dataset, sample, made_at=made_at))
    facts = look(should_stop)
    report(total, total, "Searching for copies and measuring shortcuts")
    return _conclude(dataset, facts, made_at=made_at)


def _conclude(dataset: Dataset, facts: Facts, *, made_at: str) -> AuditResult:
    total = dataset.manifest["path"].nunique()
    looked_at = len(facts.table)
    evidence = gather_evidence(dataset, facts, search_copies(facts))
    shortcuts = measure_shortcuts(evidence)
    precision = measure_precision(evidence)
    findings = [
        *(finding for check in CHECKS for finding in check(evidence)),
        *check_shortcuts(evidence, shortcuts),
        *check_precision(precision),
        *_known_defects(dataset),
    ]
    order = list(Severity)
    findings.sort(key=lambda finding: order.index(finding.severity))
    return AuditResult(
        adapter=dataset.adapter.name,
        title=dataset.adapter.title,
        label_rule=dataset.label_rule.name,
        rule_title=dataset.label_rule.title,
        population=str(dataset.adapter.population),
        imaging=dataset.adapter.imaging,
        reference_standard=reference_of(dataset.adapter, dataset.label_rule),
        label_level=str(dataset.adapter.label_level),
        fingerprint=fingerprint_of(dataset.manifest),
        made_at=made_at,
        images=total,
        women=int(dataset.manifest["group_id"].nunique()),
        counts=_counts(tables.class_balance(evidence)),
        shapes=_shapes(evidence),
        findings=tuple(findings),
        shortcuts=shortcuts,
        precision=precision,
        notes=dataset.notes,
        whose=_whose(dataset.manifest),
        looked_at=None if looked_at == total else looked_at,
    )


def _whose(manifest: pd.DataFrame) -> str:
    """ "792 women, and 480 images of which nobody says whose they are" """
    images = manifest.drop_duplicates("path")
    unknown = int(images["patient_id"].isna().sum())
    women = int(images["patient_id"].nunique())
    if unknown == 0:
        return many(women, "woman", "women")
    nobody = f"{many(unknown, 'image', 'images')} of which nobody says whose they are"
    return f"{many(women, 'woman', 'women')}, and {nobody}" if women else nobody


def _known_defects(dataset: Dataset) -> list[Finding]:
    """What the adapter knows to be wrong with this very data set, and what it did about it."""
    return [
        Finding(
            check=f"known: {defect.name}",
            severity=Severity.NOTE,
            sentence=defect.sentence,
            rows=defect.rows,
        )
        for defect in dataset.defects
    ]


def _shapes(evidence: AuditEvidence) -> tuple[ImageShape, ...]:
    images = evidence.images.drop_duplicates("path").dropna(subset=["height"])
    counted = images.groupby(["height", "width", "bits", "kind"]).size().nlargest(_MOST_SHAPES)
    return tuple(
        ImageShape(height=int(h), width=int(w), bits=int(bits), kind=str(kind), images=int(count))
        for h, w, bits, kind, count in counted.reset_index().itertuples(index=False)
    )


def _counts(balance: pd.DataFrame) -> tuple[Count, ...]:
    return tuple(
        Count(split=str(split), label=str(label), images=int(images), women=int(women))
        for split, label, images, women in balance.itertuples(index=False)
    )
