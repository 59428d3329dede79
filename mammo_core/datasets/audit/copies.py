"""Checks on copies: the same image twice, as it is or turned, flipped, equalised, re-compressed."""

import pandas as pd

from mammo_core.datasets.audit.facts import AuditEvidence
from mammo_core.datasets.audit.result import Finding, Severity, texts


def check_copies(evidence: AuditEvidence) -> list[Finding]:
    """Copies that no group holds together: a split may put them on both sides."""
    images = evidence.images.drop_duplicates("path")
    copied = images[images["copy_group"].notna()]
    loose = copied.groupby("copy_group")["group_id"].nunique()
    rows = copied[copied["copy_group"].isin(loose.index[loose > 1])]
    if rows.empty:
        return []
    readable = int(images["error"].isna().sum())
    originals = readable - len(copied) + copied["copy_group"].nunique()
    exact = int(rows["content"].duplicated(keep=False).sum())
    return [
        Finding(
            check="copies",
            severity=Severity.SERIOUS,
            sentence=f"{readable} files are {originals} originals: {len(rows)} files are copies of "
            f"one another ({exact} byte by byte, the others turned, flipped, equalised or "
            "re-compressed) and nothing keeps them together.",
            rows=texts(rows["image_id"]),
            pictures=texts(rows.sort_values("copy_group")["path"])[:12],
        )
    ]


def check_copies_across_splits(evidence: AuditEvidence) -> list[Finding]:
    pairs = _pairs(evidence)
    return _finding(
        pairs[_differs(pairs, "split")],
        check="copies-across-splits",
        severity=Severity.SERIOUS,
        sentence="{n} pairs of copies lie in different splits: the test has seen its answers.",
    )


def check_copies_across_labels(evidence: AuditEvidence) -> list[Finding]:
    pairs = _pairs(evidence)
    return _finding(
        pairs[_differs(pairs, "label")],
        check="copies-across-labels",
        severity=Severity.SERIOUS,
        sentence="{n} pairs of copies carry different labels: at least one of each is wrong.",
    )


def check_copies_across_women(evidence: AuditEvidence) -> list[Finding]:
    """Women that the adapter knows to be one are kept in one group; they are no finding."""
    pairs = _pairs(evidence)
    return _finding(
        pairs[_differs(pairs, "patient_id") & _differs(pairs, "group_id")],
        check="copies-across-women",
        severity=Severity.SERIOUS,
        sentence="{n} pairs of copies are filed under different women.",
    )


def check_copies_across_breasts(evidence: AuditEvidence) -> list[Finding]:
    pairs = _pairs(evidence)
    return _finding(
        pairs[_differs(pairs, "side") | _differs(pairs, "view")],
        check="wrong-join",
        severity=Severity.SERIOUS,
        sentence="{n} pairs of copies are filed under different sides or views. Was the table "
        "joined on the wrong key?",
    )


def check_same_exposure(evidence: AuditEvidence) -> list[Finding]:
    """Two renderings of one exposure of a woman: harmless in one split, but counted twice."""
    pairs = _pairs(evidence)
    is_one_woman = (pairs["group_id_1"] == pairs["group_id_2"]) & pairs["patient_id_1"].notna()
    is_same = ~_differs(pairs, "side") & ~_differs(pairs, "view")
    return _finding(
        pairs[is_one_woman.fillna(value=False) & is_same],
        check="same-exposure",
        severity=Severity.NOTE,
        sentence="{n} pairs of images of one woman show the same exposure; it counts twice.",
    )


def _pairs(evidence: AuditEvidence) -> pd.DataFrame:
    """Every pair with what is told of both, `_1` and `_2`."""
    told = evidence.images[
        ["image_id", "path", "patient_id", "group_id", "split", "label", "side", "view"]
    ]
    first = told.loc[evidence.pairs["first"]].reset_index(drop=True).add_suffix("_1")
    second = told.loc[evidence.pairs["second"]].reset_index(drop=True).add_suffix("_2")
    return pd.concat([first, second], axis=1)


def _differs(pairs: pd.DataFrame, column: str) -> "pd.Series[bool]":
    """Both told, and not the same."""
    return (pairs[f"{column}_1"] != pairs[f"{column}_2"]).fillna(value=False).astype(bool)


def _finding(
    pairs: pd.DataFrame, *, check: str, severity: Severity, sentence: str
) -> list[Finding]:
    if pairs.empty:
        return []
    shown = pairs.head(6)
    return [
        Finding(
            check=check,
            severity=severity,
            sentence=sentence.format(n=len(pairs)),
            rows=texts(pairs["image_id_1"] + " = " + pairs["image_id_2"]),
            pictures=texts(
                path for pair in zip(shown["path_1"], shown["path_2"], strict=True) for path in pair
            ),
        )
    ]
