"""Checks on what the files hold: readable, images at all, the right way round, of one kind."""

from typing import Final

import pandas as pd

from mammo_core.datasets.audit.facts import AuditEvidence
from mammo_core.datasets.audit.result import Finding, Severity, texts

_MANY: Final = 0.05  # share of the files from which on a loss is serious
_EDGES: Final = {"L": "left", "R": "right"}
_FINE: Final = 1024  # pixels of the longer side below which fine calcifications are lost
_MIRRORED: Final = 0.9  # share of conflicts from which on the whole set is mirrored


def check_files(evidence: AuditEvidence) -> list[Finding]:
    """Files that are not there, and files that cannot be read; the rest goes on."""
    images = evidence.images.drop_duplicates("path")
    images = images[images["height"].notna() | images["error"].notna()]  # those looked at
    is_missing = images["code"].eq("no_file").fillna(value=False)
    broken = images[images["error"].notna() & ~is_missing]
    missing = images[is_missing]
    findings = []
    if not missing.empty:
        findings.append(
            Finding(
                check="files",
                severity=_of_share(len(missing), len(images)),
                sentence=f"{len(missing)} of {len(images)} files are not there "
                f"(first: {missing['path'].iloc[0]}). Was the download complete?",
                rows=texts(missing["path"]),
            )
        )
    if not broken.empty:
        reasons = broken["error"].value_counts()
        told = " ".join(f"{reason} ({count})" for reason, count in reasons.head(4).items())
        findings.append(
            Finding(
                check="files",
                severity=_of_share(len(broken), len(images)),
                sentence=f"{len(broken)} of {len(images)} files cannot be read: {told}",
                rows=texts(broken["path"] + ": " + broken["error"]),
            )
        )
    return findings


def check_images_are_images(evidence: AuditEvidence) -> list[Finding]:
    """Masks and empty frames among the images."""
    images = _readable(evidence)
    findings = []
    for column, what in (("is_mask", "masks of two values"), ("is_blank", "blank")):
        rows = images[images[column].fillna(value=False)]
        if not rows.empty:
            findings.append(
                Finding(
                    check="not-images",
                    severity=Severity.SERIOUS,
                    sentence=f"{len(rows)} of {len(images)} files are {what}, no mammograms "
                    f"(first: {rows['path'].iloc[0]}).",
                    rows=texts(rows["image_id"]),
                    pictures=texts(rows["path"])[:8],
                )
            )
    return findings


def check_inverted(evidence: AuditEvidence) -> list[Finding]:
    """Tissue stored dark: turned here, but a program that does not would learn the machine."""
    images = _readable(evidence)
    findings = []
    for column, severity, words in (
        (
            "is_turned",
            Severity.WARNING,
            "are stored inside out (tissue dark){where}. They are turned here; a program that does "
            "not would learn the machine.",
        ),
        (
            "is_astray",
            Severity.WARNING,
            "are DICOM with a bright background although their header was obeyed{where}. Look at "
            "them.",
        ),
        (
            "is_declared",
            Severity.NOTE,
            "are MONOCHROME1 (tissue stored dark, and said so){where}. They are turned here; a "
            "program that ignores the tag would learn the machine.",
        ),
    ):
        rows = images[images[column].fillna(value=False)]
        if not rows.empty:
            told = words.format(where=_where(rows, images))
            findings.append(
                Finding(
                    check="inverted",
                    severity=severity,
                    sentence=f"{len(rows)} of {len(images)} images {told}",
                    rows=texts(rows["image_id"]),
                    pictures=texts(rows["path"])[:8],
                )
            )
    return findings


def check_sizes(evidence: AuditEvidence) -> list[Finding]:
    """Mixed sizes and kinds, frames that were made square, images too small for calcifications."""
    images = _readable(evidence)
    if images.empty:
        return []
    sizes = images["height"].astype(str) + " x " + images["width"].astype(str)
    findings = []
    for what, values in (
        ("sizes", sizes),
        ("bit depths", images["bits"].astype(str)),
        ("kinds of file", images["kind"]),
    ):
        counts = values.value_counts()
        if len(counts) > 1:
            told = ", ".join(f"{value} ({count})" for value, count in counts.head(4).items())
            more = " and others" if len(counts) > 4 else ""
            findings.append(
                _note("mixed", f"{len(counts)} {what}: {told}{more}. Does one go with a class?")
            )
    if (images["height"] == images["width"]).all():
        findings.append(
            _note(
                "square",
                f"All {len(images)} images are square, which no detector is: they were stretched "
                "or padded. Nothing can be measured in millimetres, and shapes may be distorted.",
            )
        )
    longer = images[["height", "width"]].max(axis=1)
    small = images[longer < _FINE]
    if not small.empty:
        findings.append(
            _note(
                "small",
                f"{len(small)} of {len(images)} images are smaller than {_FINE} pixels "
                f"(longer side {int(longer.median())} in the middle): too coarse for "
                "micro-calcifications.",
            )
        )
    return findings


def check_compression(evidence: AuditEvidence) -> list[Finding]:
    """JPEG files that are no DICOM were compressed again on the way from the archive."""
    images = _readable(evidence)
    jpeg = images[images["kind"].str.startswith("JPEG").fillna(value=False)]
    if jpeg.empty:
        return []
    return [
        _note(
            "compression",
            f"{len(jpeg)} of {len(images)} images are JPEG: compressed again after leaving the "
            "archive, with losses, and cut to 8 bits.",
        )
    ]


def check_laterality(evidence: AuditEvidence) -> list[Finding]:
    """The chest wall of a right breast is at the right edge of the frame, of a left at the left."""
    images = evidence.images.drop_duplicates("path").dropna(subset=["side", "wall"])
    conflict = images[images["side"] != images["wall"]]
    if conflict.empty:
        return []
    if images["wall"].nunique() == 1 and images["side"].nunique() == 2:
        edge = _EDGES[images["wall"].iloc[0]]
        return [_note("laterality", f"Every chest wall is at the {edge}: all images were turned.")]
    counts = f"{len(conflict)} of {len(images)} images"
    if len(conflict) > _MIRRORED * len(images):
        return [_note("laterality", f"{counts} are mirrored: the whole set is.")]
    return [
        Finding(
            check="laterality",
            severity=Severity.WARNING,
            sentence=f"{counts} show the chest wall at the other edge than their side says"
            f"{_where(conflict, images)} (first: {conflict['image_id'].iloc[0]}). Were they "
            "mirrored, or filed under the wrong side?",
            rows=texts(conflict["image_id"]),
            pictures=texts(conflict["path"])[:8],
        )
    ]


def _readable(evidence: AuditEvidence) -> pd.DataFrame:
    images = evidence.images.drop_duplicates("path")
    return images[images["height"].notna()]


def _of_share(part: int, whole: int) -> Severity:
    return Severity.SERIOUS if part > _MANY * whole else Severity.WARNING


def _note(check: str, sentence: str) -> Finding:
    return Finding(check=check, severity=Severity.NOTE, sentence=sentence)


def _where(rows: pd.DataFrame, images: pd.DataFrame) -> str:
    """Which machines they come from, and whether these are inverted throughout."""
    if rows["machine"].isna().all():
        return ""
    counts = rows["machine"].value_counts().head(6)
    totals = images["machine"].value_counts().reindex(counts.index)
    pairs = zip(counts.index, counts, totals, strict=True)
    return "".join(f", machine {machine}: {part} of {whole}" for machine, part, whole in pairs)
