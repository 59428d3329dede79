"""Checks on copies: the same image twice, as it is or turned, flipped, equalised, re-compressed."""

import pandas as pd

from mammo_core.datasets.audit.facts import AuditEvidence
from mammo_core.datasets.audit.result import Finding, Severity, texts
from mammo_core.words import many


def check_copies(evidence: AuditEvidence) -> list[Finding]:
    """Copies that no group holds together: a split may put them on both sides."""
    images = evidence.images.drop_duplicates("path")
    copied = images[images["copy_group"].notna()]
    loose = copied.groupby("copy_group")["group_id"].nunique()
    rows = copied[copied["copy_group"].isin(loose.index[loose > 1])]
    if rows.empty:
        return []
    readable = int(images["height"].notna().sum())
    repeats = len(copied) - copied["copy_group"].nunique()
    exact = int(copied["content"].duplicated().sum())
    return [
        Finding(
            check="copies",
            severity=Severity.SERIOUS,
            sentence=f"{readable} files show {readable - repeats} different images: {repeats} "
            f"files repeat another ({exact} byte by byte, {repeats - exact} turned, flipped, "
            f"equalised or re-compressed). {len(rows)} files are in groups of copies that nothing "
            "keeps together.",
            rows=texts(rows["image_id"]),
            pictures=texts(rows.sort_values("copy_group")["path"])[:12],
        )
    ]


def check_copies_across_splits(evidence: AuditEvidence) -> list[Finding]:
    return _finding(
        _mixed(evidence, "split"),
        check="copies-across-splits",
        severity=Severity.SERIOUS,
        sentence="{images} images in {groups} lie in different splits: the test has seen its "
        "answers.",
    )


def check_copies_across_labels(evidence: AuditEvidence) -> list[Finding]:
    return _finding(
        _mixed(evidence, "label"),
        check="copies-across-labels",
        severity=Severity.SERIOUS,
        sentence="{images} images in {groups} carry different labels: in each at least one is "
        "wrong.",
    )


def check_copies_across_women(evidence: AuditEvidence) -> list[Finding]:
    """Women that the adapter knows to be one are kept in one group; they are no finding."""
    mixed = _mixed(evidence, "patient_id")
    return _finding(
        mixed[_varies(mixed, "group_id")],
        check="copies-across-women",
        severity=Severity.SERIOUS,
        sentence="{images} images in {groups} are filed under different women.",
    )


def check_copies_across_breasts(evidence: AuditEvidence) -> list[Finding]:
    copied = _copied(evidence)
    return _finding(
        copied[_varies(copied, "side") | _varies(copied, "view")],
        check="wrong-join",
        severity=Severity.SERIOUS,
        sentence="{images} images in {groups} are filed under different sides or views. Was the "
        "table joined on the wrong key?",
    )


def check_same_exposure(evidence: AuditEvidence) -> list[Finding]:
    """Two renderings of one exposure of a woman: harmless in one split, but counted twice."""
    copied = _copied(evidence)
    of_women = copied[copied["patient_id"].notna()]
    keys = ["copy_group", "group_id", "side", "view"]
    return _finding(
        of_women[of_women.fillna({"side": "", "view": ""}).duplicated(keys, keep=False)],
        check="same-exposure",
        severity=Severity.NOTE,
        sentence="{images} images in {groups} show the same exposure of one woman; it counts more "
        "than once.",
    )


def _copied(evidence: AuditEvidence) -> pd.DataFrame:
    """The images that have copies, each once, copies beside one another."""
    images = evidence.images.drop_duplicates("path")
    return images[images["copy_group"].notna()].sort_values("copy_group", kind="stable")


def _mixed(evidence: AuditEvidence, column: str) -> pd.DataFrame:
    copied = _copied(evidence)
    return copied[_varies(copied, column)]


def _varies(copied: pd.DataFrame, column: str) -> "pd.Series[bool]":
    """Whether among the copies of an image `column` tells more than one thing."""
    return copied.groupby("copy_group")[column].transform("nunique").gt(1)


def _finding(
    copied: pd.DataFrame, *, check: str, severity: Severity, sentence: str
) -> list[Finding]:
    if copied.empty:
        return []
    groups = copied.groupby("copy_group", sort=False)["image_id"].agg(" = ".join)
    return [
        Finding(
            check=check,
            severity=severity,
            sentence=sentence.format(
                images=len(copied),
                groups=many(len(groups), "group of copies", "groups of copies"),
            ),
            rows=texts(groups),
            pictures=texts(copied["path"])[:12],
        )
    ]
