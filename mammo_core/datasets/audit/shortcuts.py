"""How well the label can be guessed without looking at the breast, and how much the test set can
tell before anything is trained.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.datasets.audit.facts import AuditEvidence
from mammo_core.datasets.audit.result import (
    ASSUMED_AUC,
    ASSUMED_CORRELATION,
    ASSUMED_SENSITIVITY,
    Finding,
    Precision,
    Severity,
    Shortcut,
    texts,
)
from mammo_core.datasets.small_images import GREY
from mammo_core.datasets.splits import positive_groups, with_folds
from mammo_core.metrics.cases import Cases, Pooling
from mammo_core.metrics.confounding import CONFOUNDERS, is_label, out_of_fold
from mammo_core.metrics.uncertainty import (
    auc_of,
    auc_with_interval,
    hanley_mcneil_variance,
    normal_quantile,
    wilson_interval,
)
from mammo_core.types import Level, Split

FOLDS: Final = 5
FEWEST_WOMEN: Final = 10  # of each class
_DECISIVE: Final = 0.9
_LEAST_IMAGES: Final = 20  # of one value, before all or none of them mean anything

_ATTRIBUTES: Final = (*CONFOUNDERS, "side", "view")
_SIZE: Final = ("height", "width", "bits", "kind")
_NUMBERS: Final = ("images", "breasts")
_TITLES: Final = {
    "size": "image size and kind",
    "grey levels": "grey levels",
    "images": "number of images",
    "breasts": "number of breasts",
}


def measure_shortcuts(evidence: AuditEvidence, *, seed: int = 0) -> tuple[Shortcut, ...]:
    """Each alone, then all together. Nothing where a class has too few women."""
    images = evidence.images.drop_duplicates("path").dropna(subset=["positive"])
    if images.empty or _fewest(images, evidence) < FEWEST_WOMEN:
        return ()
    images = images.reset_index(drop=True)
    by_image = _alternatives(evidence)
    found = [
        _measure(images, columns, name=name, level=Level.IMAGE, evidence=evidence, seed=seed)
        for name, columns in by_image
    ]
    if len(by_image) > 1:
        every = [column for _, columns in by_image for column in columns]
        known = [c for c in every if c in _ATTRIBUTES]
        if len(known) > 1:
            name = " + ".join(known)
            found.append(
                _measure(images, known, name=name, level=Level.IMAGE, evidence=evidence, seed=seed)
            )
        found.append(
            _measure(
                images, every, name="all of these", level=Level.IMAGE, evidence=evidence, seed=seed
            )
        )
    return (*found, *_of_numbers(images, evidence, seed))


def check_one_sided_values(evidence: AuditEvidence) -> list[Finding]:
    """A machine that never saw a cancer, or nothing else, gives its images away."""
    images = evidence.images.drop_duplicates("path").dropna(subset=["positive"])
    findings = []
    for column in ("site", "machine", "density", "view"):
        counted = images.groupby(column)["positive"].agg(["sum", "size"])
        sided = counted[
            (counted["size"] >= _LEAST_IMAGES)
            & (counted["sum"].eq(0) | counted["sum"].eq(counted["size"]))
        ]
        if sided.empty or len(counted) < 2:
            continue
        told = ", ".join(
            f"{column} {name}: {int(row['sum'])} of {int(row['size'])}"
            for name, row in sided.head(6).iterrows()
        )
        rows = images.loc[images[column].isin(sided.index), "image_id"]
        findings.append(
            Finding(
                check="one-sided-value",
                severity=Severity.WARNING,
                sentence=f"All or none of the images are positive for {told}. A model that "
                f"recognises the {column} needs to know nothing of cancer.",
                rows=texts(rows),
            )
        )
    return findings


def check_shortcuts(evidence: AuditEvidence, shortcuts: Sequence[Shortcut]) -> list[Finding]:
    """A finding for each that guesses the label."""
    findings = []
    for shortcut in shortcuts:
        if not shortcut.is_telling:
            continue
        sentence = (
            f"AUC {shortcut.auc:.3f} ({shortcut.low:.3f} to {shortcut.high:.3f}) by "
            f"{shortcut.level} from {shortcut.name} alone ({shortcut.positives} with, "
            f"{shortcut.negatives} without, {shortcut.women} {evidence.people})."
        )
        if shortcut.level is Level.PATIENT:
            sentence += f" {_counted(evidence)} Do not evaluate by woman."
        else:
            sentence += " A model must beat this to show that it looks at the breast."
        is_decisive = shortcut.low > _DECISIVE
        findings.append(
            Finding(
                check="shortcut",
                severity=Severity.SERIOUS if is_decisive else Severity.WARNING,
                sentence=sentence,
            )
        )
    return findings


def _fewest(images: pd.DataFrame, evidence: AuditEvidence) -> int:
    counts = positive_groups(images, evidence.task).value_counts()
    return int(counts.min()) if len(counts) > 1 else 0


def _alternatives(evidence: AuditEvidence) -> list[tuple[str, list[str]]]:
    """Name and columns of everything that is told and differs between images."""
    found = [(name, [name]) for name in _ATTRIBUTES if _varies(evidence, name)]
    for name, columns in (("size", _SIZE), ("grey levels", GREY)):
        varying = [column for column in columns if _varies(evidence, column)]
        if varying:
            found.append((_TITLES[name], varying))
    return found


def _varies(evidence: AuditEvidence, column: str) -> bool:
    images = evidence.images
    is_told = evidence.told(column) and images[column].nunique(dropna=False) > 1
    return is_told and not is_label(images, column)


def _of_numbers(images: pd.DataFrame, evidence: AuditEvidence, seed: int) -> list[Shortcut]:
    """How many images and breasts a woman has, and how many images a breast has."""
    if not evidence.told("patient_id"):
        return []
    women = women_of(images)
    alternatives = [(f"{_TITLES[name]} per woman", [name]) for name in _NUMBERS]
    alternatives.append(("number of images and breasts per woman", list(_NUMBERS)))
    found = [
        _measure(women, names, name=title, level=Level.PATIENT, evidence=evidence, seed=seed)
        for title, names in alternatives
        if all(women[name].nunique() > 1 for name in names)
    ]
    breasts = breasts_of(images)
    if breasts["images"].nunique() > 1 and breasts["positive"].nunique() > 1:
        name = "number of images per breast"
        found.append(
            _measure(
                breasts, ["images"], name=name, level=Level.BREAST, evidence=evidence, seed=seed
            )
        )
    return found


def breasts_of(images: pd.DataFrame) -> pd.DataFrame:
    """One row per breast whose side is told: `positive` if any image is, `images`, `group_id`."""
    grouped = images.dropna(subset=["side"]).groupby(["group_id", "side"], sort=False)
    table = pd.DataFrame({"positive": grouped["positive"].any(), "images": grouped.size()})
    return table.reset_index()


def women_of(images: pd.DataFrame) -> pd.DataFrame:
    """One row per woman: `positive` if any image is, `images`, `breasts`, `label`, `group_id`."""
    grouped = images.groupby("group_id", sort=False)
    return pd.DataFrame(
        {
            "positive": grouped["positive"].any(),
            "images": grouped.size(),
            "breasts": grouped["side"].nunique(),
        }
    ).reset_index()


def _counted(evidence: AuditEvidence) -> str:
    """ "377 of 396 women with cancer have one breast here, 384 of 385 without have both."

    Breasts are counted only where every image tells its side: a woman of whom no side is known has
    not one breast, nor none.
    """
    images = evidence.images.drop_duplicates("path").dropna(subset=["positive"])
    women = women_of(images)
    ill, well = women[women["positive"]], women[~women["positive"]]
    numbers = f"images per woman: {ill['images'].mean():.1f} against {well['images'].mean():.1f}."
    if images["side"].isna().any():
        return f"{numbers[0].upper()}{numbers[1:]}"
    return (
        f"{int((ill['breasts'] == 1).sum())} of {len(ill)} positive women have one breast here, "
        f"{int((well['breasts'] == 2).sum())} of {len(well)} others have both; {numbers}"
    )


def _measure(
    table: pd.DataFrame,
    columns: list[str],
    *,
    name: str,
    level: Level,
    evidence: AuditEvidence,
    seed: int,
) -> Shortcut:
    positive = table["positive"].to_numpy(dtype=bool)
    if len(columns) == 1 and pd.api.types.is_numeric_dtype(table[columns[0]]):
        score = _value_as_score(table[columns[0]], positive)
    else:
        score = _guessed_by_others(table, columns, evidence=evidence, seed=seed)
    groups = pd.factorize(table["group_id"])[0]
    estimate = auc_with_interval(
        Cases(
            level=level,
            rule=Pooling.MAX,
            case_ids=tuple(table.index.astype(str)),
            groups=groups.astype(np.intp),
            positive=positive,
            score=score,
            images=np.ones(len(table), dtype=np.intp),
        )
    )
    return Shortcut(
        name=name,
        level=level,
        auc=estimate.value,
        low=estimate.low,
        high=estimate.high,
        positives=estimate.positives,
        negatives=estimate.negatives,
        women=estimate.groups,
    )


def _label_of(evidence: AuditEvidence) -> dict[bool, str]:
    """A class for positive and one for not, so that a woman can be dealt out like an image."""
    task = evidence.task
    return {True: task.positive[0], False: next(c for c in task.classes if c not in task.positive)}


def _value_as_score(values: "pd.Series[Any]", positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The number itself, turned so that it goes with the label; unknown is in the middle."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    score = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
    return score if auc_of(score, positive) >= 0.5 else -score


def _guessed_by_others(
    table: pd.DataFrame, columns: list[str], *, evidence: AuditEvidence, seed: int
) -> NDArray[np.float64]:
    """Each woman's probability by a logistic regression on the other women."""
    labelled = table.assign(label=table["positive"].map(_label_of(evidence)))
    fold = with_folds(labelled, task=evidence.task, folds=FOLDS, seed=seed)["fold"]
    positive = table["positive"].to_numpy(dtype=bool)
    return out_of_fold(table[columns], positive, fold.to_numpy(dtype=np.intp))


_POWER_QUANTILE: Final = 0.8416  # of a normal distribution: found in 80 of 100 repetitions
_SHARE: Final = 0.25  # of the women, where the data set brings no test split
_WIDE: Final = 0.1


def measure_precision(evidence: AuditEvidence) -> Precision | None:
    """None where the test set would lack a class."""
    labelled = evidence.images.dropna(subset=["label"])
    tested = labelled[labelled["split"] == Split.TEST]
    is_official = not tested.empty
    positive = positive_groups(tested if is_official else labelled, evidence.task)
    share = 1.0 if is_official else _SHARE
    with_cancer = round(share * int(positive.sum()))
    without = round(share * int((~positive).sum()))
    if with_cancer < 1 or without < 1:
        return None
    error = math.sqrt(hanley_mcneil_variance(ASSUMED_AUC, with_cancer, without))
    low, high = wilson_interval(ASSUMED_SENSITIVITY, with_cancer)
    z = normal_quantile()
    return Precision(
        women_with=with_cancer,
        women_without=without,
        people=evidence.people,
        is_official=is_official,
        auc_half_width=z * error,
        sensitivity_low=low,
        sensitivity_high=high,
        smallest_difference=(z + _POWER_QUANTILE)
        * error
        * math.sqrt(2 * (1 - ASSUMED_CORRELATION)),
    )


def check_precision(precision: Precision | None) -> list[Finding]:
    if precision is None:
        sentence = "The test set lacks a class: nothing can be measured on it."
        return [Finding(check="precision", severity=Severity.SERIOUS, sentence=sentence)]
    is_wide = precision.auc_half_width > _WIDE
    return [
        Finding(
            check="precision",
            severity=Severity.WARNING if is_wide else Severity.NOTE,
            sentence=precision.sentence,
        )
    ]
