"""Several models as one: how their scores become one score, and the file that keeps it.

Models differ in how sure they are. Averaged as they come, the surest one decides alone, and a
threshold chosen for one fits none of the others. So each member's scores are first made
probabilities on its own validation cases, or ranks among them.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.errors import ConfigError, RunError, TableError
from mammo_core.files import replace_file
from mammo_core.metrics.calibration import fit_score_map, map_scores
from mammo_core.metrics.cases import Cases, pool_cases
from mammo_core.metrics.multiclass import fit_temperature
from mammo_core.records import from_document, read_json, to_document
from mammo_core.scores import Recalibration, ScoreMap, rounded
from mammo_core.types import Level, Task

SCHEMA_VERSION: Final = 1
Floats = NDArray[np.float64]


class Averaging(StrEnum):
    """RANK_MEAN gives the mean place among validation cases, 0 to 1, which is no probability.

    OUT_OF_FOLD averages nothing: each woman is scored by the one member that never saw her.
    """

    MEAN = "mean"
    RANK_MEAN = "rank-mean"
    OUT_OF_FOLD = "out-of-fold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A model and what its scores mean. `reference` are its validation scores, rising.

    Where it is not calibrated, `score_map` leaves its scores as they are.
    """

    run_id: str
    weights_sha256: str
    score_map: ScoreMap
    reference: tuple[float, ...]
    is_calibrated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    method: Averaging
    members: tuple[Member, ...]


def make_member(validation: Cases, *, run_id: str, weights_sha256: str) -> Member:
    """The member whose own validation cases, with the scores it gave them, these are."""
    try:
        score_map = fit_score_map(validation, Recalibration.PLATT)
    except TableError as error:
        raise RunError(
            f"{run_id} cannot be joined with the others: on its own validation women its scores "
            f"tell nothing. {error} Train longer, or leave it out."
        ) from None
    return Member(
        run_id=run_id,
        weights_sha256=weights_sha256,
        score_map=score_map,
        reference=_reference(validation),
    )


def make_fold(validation: Cases, *, run_id: str, weights_sha256: str) -> Member:
    """`make_member`, but never refused: no fold can be left out of the scores of all women. Where
    its validation women cannot calibrate it, its scores stay as they are.
    """
    try:
        return make_member(validation, run_id=run_id, weights_sha256=weights_sha256)
    except RunError:
        prevalence = validation.positives / len(validation)
        return Member(
            run_id=run_id,
            weights_sha256=weights_sha256,
            score_map=ScoreMap(kind=Recalibration.PLATT, prevalence=prevalence),
            reference=_reference(validation),
            is_calibrated=False,
        )


def make_class_fold(
    validation: pd.DataFrame, task: Task, *, run_id: str, weights_sha256: str
) -> Member:
    """`make_fold` where there are more than two classes: a map of the score alone would move
    probability between classes of which it knows nothing, so all of them share a temperature.
    """
    cases = pool_cases(validation, Level.IMAGE)
    try:
        score_map, is_calibrated = fit_temperature(validation, task), True
    except TableError:
        prevalence = cases.positives / len(cases)
        score_map = ScoreMap(kind=Recalibration.TEMPERATURE, prevalence=prevalence)
        is_calibrated = False
    return Member(
        run_id=run_id,
        weights_sha256=weights_sha256,
        score_map=score_map,
        reference=_reference(cases),
        is_calibrated=is_calibrated,
    )


def _reference(validation: Cases) -> tuple[float, ...]:
    return tuple(rounded(np.sort(validation.score)).tolist())


def calibrated(member: Member, scores: Floats) -> Floats:
    """What `member` says, as probabilities."""
    return map_scores(scores, member.score_map)


def score_ensemble(member_scores: Floats, ensemble: Ensemble) -> Floats:
    """One score per case from (members, cases) scores as the members gave them, in their order."""
    if member_scores.shape[0] != len(ensemble.members):
        raise TableError(
            f"{len(ensemble.members)} members need as many rows of scores; found "
            f"{member_scores.shape[0]}."
        )
    if ensemble.method is Averaging.OUT_OF_FOLD:
        raise TableError(
            "Out-of-fold scores are of the women the folds were made of. To score others, make an "
            "ensemble of the folds: score those others with each, then `mammo ensemble`."
        )
    place = _rank if ensemble.method is Averaging.RANK_MEAN else calibrated
    pairs = zip(ensemble.members, member_scores, strict=True)
    return np.asarray(np.mean([place(member, scores) for member, scores in pairs], axis=0))


def save_ensemble(ensemble: Ensemble, path: Path) -> None:
    document = {"schema_version": SCHEMA_VERSION, **to_document(ensemble)}
    replace_file(path, json.dumps(document, indent=1) + "\n")


def load_ensemble(path: Path) -> Ensemble:
    try:
        document = read_json(
            path,
            RunError,
            what=f"{path.parent.name}/{path.name}",
            remedy="Put it back from a copy, or join the models again.",
        )
    except FileNotFoundError:
        raise RunError(f"{path.parent.name} is no ensemble: it has no {path.name}.") from None
    version = document.pop("schema_version", None) if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise RunError(
            f"{path.parent.name}/{path.name} has schema version {version}; this program reads "
            f"{SCHEMA_VERSION}. Make the ensemble anew."
        )
    try:
        return from_document(document, Ensemble, where=path.name)
    except ConfigError as error:
        raise RunError(str(error)) from None


def _rank(member: Member, scores: Floats) -> Floats:
    """The share of validation cases below, half of the equal ones included."""
    reference = np.asarray(member.reference)
    below, upto = (
        np.searchsorted(reference, rounded(scores), side=side) for side in ("left", "right")
    )
    return np.asarray((below + upto) / (2.0 * len(reference)))
