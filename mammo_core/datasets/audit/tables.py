"""Checks that need the table alone: who is where, what a row is, what contradicts what."""

import math
import re
from functools import reduce
from typing import Any, Final

import pandas as pd

from mammo_core.datasets.audit.facts import AuditEvidence
from mammo_core.datasets.audit.result import Finding, Severity, texts
from mammo_core.datasets.splits import find_leak
from mammo_core.types import Level, Split

_OUTCOME: Final = re.compile(
    r"(after_.*|biopsy|invasive|bi-?rads|difficult_negative_case|pathology|assessment|subtlety"
    r"|subtype|severity|classification|diagnosis|status.*|lesion|tumou?r.*)",
    re.IGNORECASE,
)
_AUGMENTED: Final = re.compile(
    r"(?:^|[_\-. (])(?:aug(?:mented)?|[hv]?flip(?:ped)?|rot(?:ated?)?|mirror(?:ed)?|clahe|copy)"
    r"(?=[_\-. )\d]|$)",
    re.IGNORECASE,
)
_MOST_PER_WOMAN: Final = 20  # images on average; beyond it a word is a class, not a woman
_LEAST_COMMON_FACTOR: Final = 4
_PREVALENCE_GAP: Final = 0.1


def check_women_in_splits(evidence: AuditEvidence) -> list[Finding]:
    """The split that is stored with the data set, by woman."""
    leak = find_leak(evidence.images)
    if not leak:
        return []
    rows = evidence.images[evidence.images["group_id"].isin(leak.groups)]
    shown = rows[rows["group_id"].isin(leak.groups[:4])].drop_duplicates(["group_id", "split"])
    sentence = (
        f"{len(leak.groups)} of {leak.of_groups} {evidence.people} are in more than one split "
        f"({len(rows)} of {len(evidence.images)} images, first: {leak.groups[0]}). A test on them "
        f"measures memory. Keep {evidence.people} together."
    )
    return [
        Finding(
            check="women-in-splits",
            severity=Severity.SERIOUS,
            sentence=sentence,
            rows=texts(rows["image_id"]),
            pictures=texts(shown["path"]),
        )
    ]


def check_rows_are_images(evidence: AuditEvidence) -> list[Finding]:
    """A file in several rows: a lesion table taken for images, or a join on the wrong key."""
    images = evidence.images
    shared = images[images["path"].duplicated(keep=False)]
    if shared.empty:
        return []
    files, rows = images["path"].nunique(), len(images)
    told = ["label", "side", "view", "patient_id"]
    differing = shared.groupby("path")[told].nunique().gt(1)
    contradicted = differing.index[differing.any(axis=1)]
    findings = [
        Finding(
            check="rows-are-images",
            severity=Severity.SERIOUS,
            sentence=f"{rows} rows are {files} images: {shared['path'].nunique()} images stand in "
            "several rows. A row is a finding or a lesion here; counted as images, those with "
            "several weigh more, in training and in the test.",
            rows=texts(shared["path"]),
            pictures=texts(shared["path"])[:8],
        )
    ]
    if len(contradicted):
        what = [name for name in told if differing[name].any()]
        findings.append(
            Finding(
                check="wrong-join",
                severity=Severity.SERIOUS,
                sentence=f"{len(contradicted)} images stand under several values of "
                f"{', '.join(what)} (first: {contradicted[0]}). The table was joined on the wrong "
                "key: on the woman alone, where the row is of one breast?",
                rows=texts(contradicted),
                pictures=texts(contradicted)[:8],
            )
        )
    return findings


def check_labels_agree(evidence: AuditEvidence) -> list[Finding]:
    """One breast, one label: unless the label is of the single image."""
    if not (evidence.told("patient_id") and evidence.told("side")):
        return []
    images = evidence.images.drop_duplicates("path")
    keys = [images["patient_id"], images["exam_id"].fillna(""), images["side"]]
    several = images["label"].groupby(keys).transform("nunique") > 1
    rows = images[several.fillna(value=False)]
    if rows.empty:
        return []
    is_by_image = evidence.dataset.adapter.label_level is Level.IMAGE
    return [
        Finding(
            check="labels-agree",
            severity=Severity.NOTE if is_by_image else Severity.SERIOUS,
            sentence=f"{len(rows)} images are of breasts whose images carry different labels. "
            + (
                "The labels are of single images here, so this may be right; by breast they count "
                "as positive."
                if is_by_image
                else "The label is the breast's, so one of them is wrong."
            ),
            rows=texts(rows["image_id"]),
            pictures=texts(rows["path"])[:8],
        )
    ]


def check_boxes(evidence: AuditEvidence) -> list[Finding]:
    """Boxes that reach beyond their image, or belong to none."""
    boxes = evidence.boxes
    sizes = evidence.images.drop_duplicates("image_id").set_index("image_id")[["height", "width"]]
    stray = boxes[~boxes["image_id"].isin(sizes.index)]
    known = boxes.merge(sizes, left_on="image_id", right_index=True)
    known = known[known["height"].notna()]
    outside = known[
        (known["x0"] < 0)
        | (known["y0"] < 0)
        | (known["x1"] > known["width"].astype(float))
        | (known["y1"] > known["height"].astype(float))
    ]
    findings = []
    if not outside.empty:
        sentence = (
            f"{len(outside)} of {len(boxes)} boxes reach beyond their image "
            f"(first: {outside['image_id'].iloc[0]}). In other pixels than the image's, or with "
            "the origin in another corner?"
        )
        findings.append(
            Finding(
                check="boxes",
                severity=Severity.WARNING,
                sentence=sentence,
                rows=texts(outside["image_id"]),
            )
        )
    if not stray.empty:
        findings.append(
            Finding(
                check="boxes",
                severity=Severity.WARNING,
                sentence=f"{len(stray)} of {len(boxes)} boxes belong to images that are not here.",
                rows=texts(stray["image_id"]),
            )
        )
    return findings


def check_sides_and_views(evidence: AuditEvidence) -> list[Finding]:
    """Without sides there are no breasts, without views no exams."""
    findings = []
    for column, loss in (
        ("patient_id", _without_women(evidence)),
        ("side", "Nothing can be counted by breast."),
        ("view", "No exam can be shown in its four views."),
    ):
        missing = evidence.images[evidence.images[column].isna()]
        if missing.empty:
            continue
        is_all = len(missing) == len(evidence.images)
        many = "No image tells" if is_all else f"{len(missing)} of {len(evidence.images)} lack"
        name = column.removesuffix("_id")
        findings.append(
            Finding(
                check="identity",
                severity=Severity.WARNING if column == "patient_id" else Severity.NOTE,
                sentence=f"{many} the {name}. {loss}",
                rows=() if is_all else texts(missing["image_id"]),
            )
        )
    return findings


def _without_women(evidence: AuditEvidence) -> str:
    """What is lost where women are not known, and what still keeps images together."""
    if evidence.told("patient_id"):
        return "Those may be of women on both sides of any split, and intervals are too narrow."
    loss = "a woman may be on both sides of any split, and intervals are too narrow."
    if evidence.groups == "exams":
        return f"Images are split and counted by exam: of several exams, {loss}"
    if evidence.groups == "groups of images":
        return f"Images are split and counted by what the data set groups them by: {loss}"
    return f"Images are split and counted one by one: {loss}"


def check_names_hold_women(evidence: AuditEvidence) -> list[Finding]:
    """Names like `105_1232990271.png` begin with the woman's number; a split must heed it."""
    images = evidence.images
    if evidence.told("patient_id") or len(images) < 10:
        return []
    names = images["path"].str.rpartition("/")[2].str.rpartition(".")[0]
    words = names.str.extract(r"^([A-Za-z]*\d+)[_\-]")[0]
    count = words.nunique()
    if (
        words.isna().any()
        or not 5 <= count <= 0.8 * len(words)
        or len(words) > _MOST_PER_WOMAN * count
    ):
        return []
    splits = images["split"].groupby(words).nunique()
    shared = splits.index[splits > 1]
    sentence = (
        f"The names of {len(images)} files begin with {count} different numbers, as if with the "
        f"number of the woman (first: {words.iloc[0]}), but no woman is known to the table. "
    )
    if len(shared):
        sentence += f"{len(shared)} of these numbers are in several splits: the split leaks."
    else:
        sentence += "If that is what they are, fill patient_id with them."
    return [
        Finding(
            check="names-hold-women",
            severity=Severity.SERIOUS if len(shared) else Severity.WARNING,
            sentence=sentence,
            rows=texts(images.loc[words.isin(shared), "image_id"]),
            pictures=texts(images.loc[words.isin(shared[:3]), "path"])[:8],
        )
    ]


def check_names_of_augmentation(evidence: AuditEvidence) -> list[Finding]:
    images = evidence.images
    names = images["path"].str.rpartition("/")[2].str.rpartition(".")[0]
    rows = images[names.str.contains(_AUGMENTED)]
    if rows.empty:
        return []
    return [
        Finding(
            check="augmentation",
            severity=Severity.WARNING,
            sentence=f"The names of {len(rows)} of {len(images)} files speak of augmentation "
            f"(first: {rows['path'].iloc[0]}). Augment while training, never in the data set: "
            "copies must not be tested on.",
            rows=texts(rows["image_id"]),
            pictures=texts(rows["path"])[:8],
        )
    ]


def check_common_factor(evidence: AuditEvidence) -> list[Finding]:
    """Eight classes whose counts are all multiples of 54 are originals copied 54 times."""
    counts = evidence.images["label"].value_counts()
    if len(counts) < 4 or counts.nunique() == 1:
        return []
    factor = reduce(math.gcd, (int(count) for count in counts))
    if factor < _LEAST_COMMON_FACTOR or evidence.images["group_id"].duplicated().any():
        return []
    originals = ", ".join(str(int(count) // factor) for count in counts)
    return [
        Finding(
            check="copies",
            severity=Severity.SERIOUS,
            sentence=f"The number of images of every class is a multiple of {factor}: as if "
            f"{originals} originals had been copied {factor} times each.",
        )
    ]


def check_outcome_columns(evidence: AuditEvidence) -> list[Finding]:
    told = [
        str(name)
        for name in evidence.dataset.manifest.columns
        if _OUTCOME.fullmatch(str(name)) and evidence.told(str(name))
    ]
    if not told:
        return []
    return [
        Finding(
            check="outcome-columns",
            severity=Severity.NOTE,
            sentence=f"{', '.join(told)}: known only after the outcome. Good for tables by "
            "subgroup, never for a model's input.",
            rows=tuple(told),
        )
    ]


def check_class_balance(evidence: AuditEvidence) -> list[Finding]:
    """Splits whose share of positives differs, and classes that a split lacks."""
    labelled = evidence.images.dropna(subset=["positive", "split"])
    shares = labelled.groupby("split")["positive"].mean()
    findings = []
    if len(shares) > 1 and shares.max() - shares.min() > _PREVALENCE_GAP:
        told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        findings.append(
            Finding(
                check="class-balance",
                severity=Severity.WARNING,
                sentence=f"The share of positive images differs between splits: {told}.",
            )
        )
    for split in Split:
        part = labelled[labelled["split"] == split]
        lacking = [c for c in evidence.task.classes if not (part["label"] == c).any()]
        if len(part) and lacking:
            findings.append(
                Finding(
                    check="class-balance",
                    severity=Severity.WARNING,
                    sentence=f"The {split} split has no image of: {', '.join(lacking)}.",
                )
            )
    return findings


def class_balance(evidence: AuditEvidence) -> pd.DataFrame:
    """`split, label, images, women`; images without a label or split are rows of their own."""
    images: Any = evidence.images.drop_duplicates("path")
    images = images.assign(
        split=images["split"].fillna("no split"), label=images["label"].fillna("no label")
    )
    counted = images.groupby(["split", "label"], sort=False)
    table = pd.DataFrame({"images": counted.size(), "women": counted["group_id"].nunique()})
    return table.reset_index()
