"""An ensemble as a run: several checkpoints' scores of the same images, joined into one table.

A member is a finished training, with the scores of its own test women, or an evaluation (`mammo
evaluate`) of such a training on other data. Needs no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from mammo_core.config import EvaluateConfig, RunConfig, save_settings
from mammo_core.datasets.predictions import (
    read_predictions,
    with_score,
    write_predictions,
)
from mammo_core.errors import RunError
from mammo_core.metrics.cases import pool_cases
from mammo_core.metrics.ensemble import (
    Averaging,
    Ensemble,
    Member,
    make_member,
    save_ensemble,
    score_ensemble,
)
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus, find_checkpoint
from mammo_core.runs.jobs import new_run_id
from mammo_core.runs.sidecars import learnt_from, read_seen, unknown_seen
from mammo_core.scores import rounded
from mammo_core.tables import class_columns
from mammo_core.types import Level, RunState, Split, Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """What may become a member: a checkpoint, and what it said of its validation and test women."""

    run: RunFolder
    checkpoint: RunFolder
    card: ModelCard
    label_rule: str
    val: pd.DataFrame
    test: pd.DataFrame


def make_ensemble(names: Sequence[str], *, method: Averaging, root: Path) -> RunFolder:
    """A new run below `root` that holds the joined scores; refused where they would mislead."""
    if len(names) < 2:
        raise RunError(f"An ensemble needs at least 2 members, not {len(names)}.")
    if len(set(names)) < len(names):
        raise RunError("A member is named twice. Name each once.")
    candidates = [read_candidate(name) for name in names]
    _refuse_other_question(candidates)
    notes = _refuse_leaks(candidates)
    for first, other in permutations(candidates, 2):
        images = set(_images(other.test))
        shared = images & set(_images(first.test))
        if len(shared) < len(images):
            raise RunError(
                f"{len(images) - len(shared)} of {len(images)} images {other.run.run_id} was "
                f"tested on were not scored by {first.run.run_id}. Score one data set with every "
                "member first (mammo evaluate), and join those."
            )
    ensemble = Ensemble(method=method, members=tuple(member_of(one) for one in candidates))
    run = RunFolder(root / new_run_id("ensemble", now=datetime.now(UTC)))
    table = _joined(candidates, ensemble).assign(model_id=run.run_id)
    run.path.mkdir(parents=True)
    save_settings(candidates[0].checkpoint.settings(RunConfig), run.settings_file)
    save_ensemble(ensemble, run.file(MEMBERS_NAME))
    write_predictions(table, run.predictions_file)
    women = table.loc[table["split"] != Split.VAL, "group_id"].nunique()
    told = f"{method} of {len(candidates)} models on {women} women, each calibrated on its own "
    message = " ".join([told + "validation women.", *notes])
    count = len(candidates)
    run.write_status(RunStatus(state=RunState.FINISHED, done=count, total=count, message=message))
    return run


def read_candidate(name: str) -> Candidate:
    run = find_checkpoint(name)
    checkpoint, is_evaluation = run, run.document().get("kind") == "evaluate"
    if is_evaluation:
        settings = run.settings(EvaluateConfig)
        checkpoint = find_checkpoint(settings.checkpoint)
    card = checkpoint.card()
    val = _validation_rows(checkpoint)
    if not run.has_predictions:
        raise RunError(f"{name} has no predictions. Has it finished?")
    test = read_predictions(run.predictions_file)
    if not is_evaluation:
        test = test[test["split"] == Split.TEST]
    return Candidate(
        run=run,
        checkpoint=checkpoint,
        card=card,
        label_rule=settings.label_rule if is_evaluation else card.data.label_rule,
        val=val,
        test=test.reset_index(drop=True),
    )


def _validation_rows(checkpoint: RunFolder) -> pd.DataFrame:
    """By which its scores are calibrated."""
    if checkpoint.has_predictions:
        own = read_predictions(checkpoint.predictions_file)
        val = own[own["split"] == Split.VAL]
        if not val.empty:
            return val
    raise RunError(
        f"{checkpoint.run_id} keeps no validation scores (it was packed or brought from elsewhere, "
        "or test images chose its epoch), so it cannot be calibrated. Join models with validation "
        "women of their own."
    )


def member_of(candidate: Candidate) -> Member:
    return make_member(
        pool_cases(candidate.val, Level.IMAGE),
        run_id=candidate.checkpoint.run_id,
        weights_sha256=candidate.card.weights_sha256,
    )


def _refuse_other_question(candidates: Sequence[Candidate]) -> None:
    first = candidates[0]
    for other in candidates[1:]:
        ours, theirs = first.card.task, other.card.task
        if (ours.classes, ours.positive) != (theirs.classes, theirs.positive):
            raise RunError(
                f"{first.run.run_id} tells {', '.join(ours.classes)} apart, {other.run.run_id} "
                f"{', '.join(theirs.classes)}. The mean of two questions answers neither."
            )
        rules = (
            (first.label_rule, first.card.data.label_rule),
            (
                other.label_rule,
                other.card.data.label_rule,
            ),
        )
        if rules[0] != rules[1]:
            raise RunError(
                f"{first.run.run_id} is labelled by {' and '.join(dict.fromkeys(rules[0]))}, "
                f"{other.run.run_id} by {' and '.join(dict.fromkeys(rules[1]))}: what one calls "
                "cancer the other may not. Join models of one label rule."
            )


def _refuse_leaks(candidates: Sequence[Candidate]) -> list[str]:
    """Nobody's test women may be another's training women; what cannot be checked is returned."""
    notes = []
    for candidate in candidates:
        seen = read_seen(candidate.checkpoint)
        if seen is None:
            notes.append(unknown_seen(candidate.checkpoint.run_id))
            continue
        for other in candidates:
            shared = learnt_from(seen, other.test)
            if shared:
                raise RunError(
                    f"{len(shared)} of {other.test['group_id'].nunique()} test women of "
                    f"{other.run.run_id} are women {candidate.checkpoint.run_id} learnt from "
                    f"(first: {shared[0]}): the ensemble would remember them. Folds are joined "
                    "out of fold, or scored on other data first (mammo evaluate)."
                )
    return notes


def _joined(candidates: Sequence[Candidate], ensemble: Ensemble) -> pd.DataFrame:
    """The rows that every member scored: all test images, and validation images of all of them."""
    parts = []
    tests = [one.test.assign(split=str(Split.TEST)) for one in candidates]
    for tables in ([one.val for one in candidates], tests):
        shared = set.intersection(*(set(_images(table)) for table in tables))
        ordered = [_in_order(table, shared) for table in tables]
        if shared:
            parts.append(_average(ordered, ensemble, candidates[0].card.task))
    return pd.concat(parts, ignore_index=True)


def _average(tables: Sequence[pd.DataFrame], ensemble: Ensemble, task: Task) -> pd.DataFrame:
    scores = np.stack([table["score"].to_numpy(dtype=np.float64) for table in tables])
    score = rounded(score_ensemble(scores, ensemble))
    columns = class_columns(task)
    shares = np.mean([table[columns].to_numpy(dtype=np.float64) for table in tables], axis=0)
    first = tables[0].copy()
    first[columns] = shares
    first["score"] = shares[:, list(task.positive_indices)].sum(axis=1)
    return with_score(first, score, task)


def _images(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(table["dataset"].fillna(""), table["image_id"], strict=True))


def _in_order(table: pd.DataFrame, shared: set[tuple[str, str]]) -> pd.DataFrame:
    is_shared = [image in shared for image in _images(table)]
    return table[is_shared].sort_values(["dataset", "image_id"]).reset_index(drop=True)
