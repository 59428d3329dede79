"""The folds of a cross-validation as one checkpoint: all networks in one file of 16-bit weights,
calibrated together, and scores in which every woman was read by the one network that never saw her.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from mammo_core.config import RunConfig, save_settings
from mammo_core.datasets.dataset import Dataset, find_folder, fingerprint_of, read_dataset
from mammo_core.datasets.predictions import (
    write_predictions,
)
from mammo_core.datasets.splits import in_one_split
from mammo_core.errors import CheckpointError, RunError
from mammo_core.explain.heads import cell_offset
from mammo_core.files import replace_file, sha256_of
from mammo_core.inference.archive import CHECKPOINT_NAME
from mammo_core.inference.checkpoint import WEIGHTS_NAME, Checkpoint, load_checkpoint
from mammo_core.inference.engine import torch_engine
from mammo_core.inference.scoring import score_rows
from mammo_core.metrics.ensemble import Member
from mammo_core.runs.card import (
    NOT_CALIBRATED,
    Imaging,
    ModelCard,
    TrainingRecord,
    write_card,
)
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.runs.sidecars import (
    SEEN_NAME,
    Embeddings,
    read_seen,
    reduced_embeddings,
    write_embeddings,
)
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.closing import embeddings_of, peak_among
from mammo_core.training.data import ImageSet, load_images, split_dataset
from mammo_core.training.lineage import own_dataset, refuse_other_weights
from mammo_core.training.outcome import (
    CHOICES,
    LIMITS,
    count_splits,
    measure_all,
)
from mammo_core.training.series import finished_folds, member_on, validation_rows
from mammo_core.types import Report, RunState, Split
from mammo_core.words import NOTICE, many
from mammo_core.zoo.build import build_model
from mammo_core.zoo.committee import PARTS, Seat, joinable_layer, seated_state, stand_up
from mammo_core.zoo.freezing import last_linear

_KEPT_WHOLE: Final = ("trunk.fc.weight", "trunk.fc.bias", "trunk.biases")  # few, and calibrated
EMBEDDED: Final = 64  # numbers that the embedding of an image is reduced to


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a card shall say of the data where their adapter does not know it; "" as it says."""

    title: str = ""
    licence: str = ""
    imaging: Imaging | None = None
    limits: tuple[str, ...] = ()  # said beside the others

    def applied(self, card: ModelCard) -> ModelCard:
        data = replace(
            card.data,
            title=self.title or card.data.title,
            licence=self.licence or card.data.licence,
            seen=self.imaging or card.data.seen,
        )
        title = card.title.replace(card.data.title, data.title)
        limits = (*card.limits[:-1], *self.limits, *card.limits[-1:])  # the notice stays last
        return replace(card, title=title, data=data, limits=limits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """A finished member."""

    run: RunFolder
    config: RunConfig


def pack(
    series: str,
    name: str,
    *,
    source: Path,
    root: Path,
    report: Report,
    wording: Wording | None = None,
) -> RunFolder:
    """The finished folds of `series` below `source` as the checkpoint `name` below `root`, with
    everything that can be measured of it on the images it was trained on.
    """
    members = finished_folds(series, source)
    config, done = members[0].settings(RunConfig), len(members)
    network = build_model(config.model, task=config.task, channels=config.prepare.channels)
    joinable_layer(network, config.model)
    folds = [_fold_of(member, config.data.folder) for member in members]
    meaning = _meaning_of(folds)
    last = last_linear(network.trunk)
    with _place(root, name) as run:
        replace_file(run.file(WEIGHTS_NAME), save(_halved(_joined_state(folds, meaning, last))))
        save_settings(_placeless(config), run.settings_file)
        _join_seen(members).to_csv(run.file(SEEN_NAME), index=False, lineterminator="\n")
        card = (wording or Wording()).applied(_first_card(name, folds, meaning, run))
        write_card(card, run.card_file)
        measure_packed(run, folder=config.data.folder, report=report)
        message = f"{many(done, 'network', 'networks')} joined, the folds of one cross-validation."
        run.write_status(RunStatus(state=RunState.FINISHED, done=done, total=done, message=message))
    return RunFolder(root / name)


def pack_single(
    source: RunFolder, name: str, *, root: Path, wording: Wording | None = None
) -> RunFolder:
    """The finished run `source` as the checkpoint `name` below `root`, its weights in 16 bits and
    without the single women's files.
    """
    refuse_other_weights(source)
    card, config = source.card(), source.settings(RunConfig)
    with _place(root, name) as run:
        replace_file(run.file(WEIGHTS_NAME), save(_halved(load_file(source.weights_file))))
        save_settings(_placeless(config), run.settings_file)
        _join_seen([source]).to_csv(run.file(SEEN_NAME), index=False, lineterminator="\n")
        hashed = sha256_of(run.file(WEIGHTS_NAME))
        card = (wording or Wording()).applied(replace(card, model_id=name, weights_sha256=hashed))
        write_card(card, run.card_file)
        run.write_status(replace(source.read_status(), message=f"Packed from {source.run_id}."))
    return RunFolder(root / name)


@contextmanager
def _place(root: Path, name: str) -> Iterator[RunFolder]:
    """A folder to fill, which takes its place below `root` when all is there, or not at all."""
    if not CHECKPOINT_NAME.fullmatch(name):
        raise RunError(
            f"A checkpoint cannot be called {name!r}: letters, digits, points, dashes and "
            "underscores, at most 80, and a letter or digit first."
        )
    if (root / name).exists():
        raise RunError(
            f"There is a checkpoint {name} already. Choose another name, or delete it first."
        )
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".packing-") as scratch:
        run = RunFolder(Path(scratch) / name)
        run.path.mkdir()
        yield run
        run.path.replace(root / name)


def _placeless(config: RunConfig) -> RunConfig:
    """The data set by its name alone: where it lay tells of the computer."""
    return replace(
        config, series="", data=replace(config.data, folder=Path(config.data.folder).name)
    )


def _fold_of(run: RunFolder, folder: str) -> Fold:
    """`folder` is where the data set of all folds lies."""
    config = run.settings(RunConfig)
    config = replace(config, data=replace(config.data, folder=folder))
    own_dataset(run, config)  # of other images, which women it never saw cannot be told
    refuse_other_weights(run)
    return Fold(run=run, config=config)


def _meaning_of(folds: Sequence[Fold]) -> Member:
    """What the log-odds of all mean as probabilities: one map, by the validation women of every
    fold as its own network scored them. The networks are one recipe on like women; of the few
    validation women of one fold its own map would be chance, and would place the women of different
    folds by it.
    """
    parts = []
    for number, fold in enumerate(folds):
        rows = validation_rows(fold.run)
        apart = [f"{number} {one}" for one in rows["image_id"]]  # a woman may be of several folds
        parts.append(rows.assign(image_id=apart, model_id="all"))
    together = pd.concat(parts, ignore_index=True)
    return member_on(together, folds[0].config.task, run_id="", weights_sha256="")


def _joined_state(folds: Sequence[Fold], meaning: Member, last: str) -> dict[str, Tensor]:
    """`last` is what the networks call their last layer."""
    config, score_map = folds[0].config, meaning.score_map
    moved = tuple(
        score_map.intercept if place in config.task.positive_indices else 0.0
        for place in range(len(config.task.classes))
    )
    seats = [
        Seat(state=load_file(fold.run.weights_file), slope=score_map.slope, intercepts=moved)
        for fold in folds
    ]
    return seated_state(seats, last=last, pooling=config.model.pooling)


def _halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In 16 bits but for what is calibrated; refused where a number does not fit."""
    halved = {
        name: value.half() if value.is_floating_point() and name not in _KEPT_WHOLE else value
        for name, value in state.items()
    }
    too_large = [name for name, value in halved.items() if not torch.isfinite(value).all()]
    if too_large:
        raise CheckpointError(
            f"{len(too_large)} weights do not fit 16 bits (first: {too_large[0]}): this training "
            "went astray. Look at its loss."
        )
    return {name: value.contiguous() for name, value in halved.items()}


def _join_seen(members: Sequence[RunFolder]) -> pd.DataFrame:
    """Whoever one member learnt from, all together have learnt from."""
    parts = [seen for member in members if (seen := read_seen(member)) is not None]
    if len(parts) < len(members):
        raise RunError("A fold does not tell whom it has seen (mammo checkpoints seen).")
    learnt = pd.concat(parts, ignore_index=True)
    learnt = learnt[learnt["split"].isin([Split.TRAIN, Split.VAL])]
    learnt = learnt.assign(
        split=str(Split.TRAIN),
        dataset=[Path(name).name for name in learnt["dataset"]],  # a folder tells of the computer
    )
    return learnt.drop_duplicates(["dataset", "group_id", "content"])  # patches share an image


def _first_card(name: str, folds: Sequence[Fold], meaning: Member, run: RunFolder) -> ModelCard:
    """What is known before anything is measured."""
    cards = [fold.run.card() for fold in folds]
    first = cards[0]
    network, _, dataset = first.title.partition(", ")
    imaging = LIMITS.get(first.data.seen, "")
    return replace(
        first,
        model_id=name,
        title=f"{network}, {len(folds)} together, {dataset}",
        model=replace(first.model, members=len(folds)),
        data=replace(first.data, splits=(), fingerprint=""),
        training=_together([card.training for card in cards]),
        weights_sha256=sha256_of(run.file(WEIGHTS_NAME)),
        metrics=(),
        heatmap_peak=None,
        heatmap_offset=0.0,
        limits=(
            *([imaging] if imaging else []),
            *_limits(len(folds), meaning),
            *_carried(cards, besides=imaging),
            NOTICE,
        ),
    )


def _together(records: Sequence[TrainingRecord]) -> TrainingRecord:
    return replace(
        records[0],
        finished_at=max(record.finished_at for record in records),
        seconds=round(sum(record.seconds for record in records), 1),
    )


def _carried(cards: Sequence[ModelCard], *, besides: str) -> Iterator[str]:
    """What must be said of a fold is said of all together: leaks above all. Not how its epoch was
    chosen, which `_limits` tells.
    """
    every = dict.fromkeys(limit for card in cards for limit in card.limits)
    return (
        limit for limit in every if limit not in (NOTICE, besides) and not limit.startswith(CHOICES)
    )


def _limits(count: int, meaning: Member) -> tuple[str, ...]:
    told = [
        f"Its figures are of its {count} networks one by one, each on women it never saw. The mean "
        "of all, which is what reads, was measured on nobody: its scores lie closer together, and "
        "how much otherwise a threshold is met is not known."
    ]
    if not meaning.is_calibrated:
        told.append(NOT_CALIBRATED)
    return tuple(told)


def dealt_folds(run: RunFolder, folder: str | None) -> Iterator[tuple[RunConfig, Dataset]]:
    """Settings and split data set of every member of a packed checkpoint. `folder` is where the
    data set lies, if it has moved.
    """
    config = run.settings(RunConfig)
    data = replace(config.data, folder=folder or config.data.folder)
    whole = read_dataset(find_folder(data.folder), data.adapter, data.label_rule)
    for fold in range(run.card().model.members):
        own = replace(config, data=replace(data, fold=fold))
        yield own, split_dataset(whole, own)


def measure_packed(run: RunFolder, *, folder: str | None = None, report: Report) -> None:
    """Score every woman by the member that never saw her, describe what images look like, and
    write both, and the card that tells them.
    """
    packed = load_checkpoint(run.path)
    tables, manifests = [], []
    peak: float | None = None
    fingerprint = ""
    for fold, (own, dataset) in enumerate(dealt_folds(run, folder)):
        images = load_images(dataset, own, report=report, should_stop=lambda: False)
        member = replace(packed, model=stand_up(packed.model, fold))
        tested = images[Split.TEST].manifest
        doing = f"Scoring fold {fold + 1} of {packed.card.model.members}"
        tables.append(scored_by(member, dataset, tested, doing=doing, report=report))
        manifests.append(tested)
        if fold == 0:
            fingerprint = fingerprint_of(in_one_split(dataset.manifest, Split.TEST))
            _refuse_other_data(packed.card, fingerprint)
            kept = _embeddings(member, own, images)
            write_embeddings(run, kept, weights_sha256=packed.card.weights_sha256)
            peak = peak_among(packed.model, _batches(own, images[Split.TEST]))
    table, manifest = (pd.concat(parts, ignore_index=True) for parts in (tables, manifests))
    write_predictions(table.assign(split=None), run.predictions_file)
    task, channels = packed.card.task, packed.card.prepare.channels
    (tested_all,) = (one for one in count_splits(manifest, task) if one.split is Split.TEST)
    splits = (replace(tested_all, split=Split.TRAIN), tested_all)
    card = replace(
        packed.card,
        data=replace(packed.card.data, splits=splits, fingerprint=fingerprint),
        metrics=measure_all(table, Split.TEST, task),
        heatmap_peak=peak,
        heatmap_offset=cell_offset(packed.model, channels=channels),
    )
    write_card(card, run.card_file)


def _refuse_other_data(card: ModelCard, fingerprint: str) -> None:
    """Of other images the folds are dealt otherwise: a member would meet women it learnt from."""
    if card.data.fingerprint not in ("", fingerprint):
        raise RunError(
            f"These are not the images {card.model_id} was made of: their ids or labels differ. "
            "Name the folder of the data set as it was with --data."
        )


def scored_by(
    checkpoint: Checkpoint, dataset: Dataset, rows: pd.DataFrame, *, doing: str, report: Report
) -> pd.DataFrame:
    """Predictions for `rows` of `dataset`, all of them prepared, in full precision."""
    card = checkpoint.card
    table = score_rows(
        torch_engine(checkpoint),
        card,
        dataset,
        rows,
        name=card.data.dataset,
        report=report,
        doing=doing,
    )
    assert table is not None  # nobody can ask it to stop
    return table


def _embeddings(
    member: Checkpoint, config: RunConfig, images: Mapping[Split, ImageSet]
) -> Embeddings:
    """By the first member, which has women it learnt from and women it never saw: the latter tell
    how far a new image usually lies from the former.
    """
    parts = [
        embeddings_of(member.model, _batches(config, images[split]), split)
        for split in (Split.TRAIN, Split.TEST)
    ]
    learnt, held_out = parts
    told = pd.concat([learnt.images, held_out.images.assign(split=str(Split.VAL))])
    vectors = np.concatenate([learnt.vectors, held_out.vectors])
    channels = vectors.shape[1] // PARTS[config.model.pooling]
    return reduced_embeddings(
        Embeddings(vectors=vectors[:, :channels], images=told.reset_index(drop=True)),
        length=EMBEDDED,
    )


def _batches(config: RunConfig, images: ImageSet) -> EvaluationBatches:
    return EvaluationBatches(images=images, config=config, device=torch.device("cpu"))
