"""Training that goes on from a checkpoint, and what must not be forgotten on the way.

`checkpoint:<run id>` as the name of a run's weights. Whom that checkpoint learnt from, the new one
has learnt from too; to test it on one of those women would measure memory.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pandas as pd

from mammo_core.config import RunConfig
from mammo_core.datasets.dataset import Dataset, fingerprint_of, read_dataset
from mammo_core.errors import CheckpointError, ReadError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, find_checkpoint
from mammo_core.runs.pictures import may_show, why_no_pictures, write_pictures
from mammo_core.runs.sidecars import (
    SEEN_COLUMNS,
    SEEN_NAME,
    learnt_from,
    read_seen,
    unknown_seen,
    write_seen,
)
from mammo_core.tables import parse_table
from mammo_core.training.data import ImageSet, load_dataset, load_images
from mammo_core.types import Report, Split
from mammo_core.zoo.catalog import FROM_CHECKPOINT


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnImages:
    """`config` is that of the run, its folder where the data set lies now."""

    config: RunConfig
    dataset: Dataset
    splits: dict[Split, ImageSet]


def refuse_other_weights(run: RunFolder) -> None:
    """A model has weights, and those its card was written for."""
    if not run.is_checkpoint:
        raise CheckpointError(_why_no_model(run))
    if not run.weights_file.is_file():
        raise CheckpointError(
            f"The weights of {run.run_id} are missing. Put {run.weights_file.name} back from a "
            "copy."
        )
    if sha256_of(run.weights_file) != run.card().weights_sha256:
        raise CheckpointError(f"The weights of {run.run_id} are not those of its card.")


def _why_no_model(run: RunFolder) -> str:
    if run.is_ensemble:
        return (
            f"{run.run_id} holds the scores of several models put together, and no weights of its "
            "own. Name one of those models."
        )
    if run.kind != "train":
        return f"{run.run_id} is no training, so it has no weights. Name the model itself."
    return (
        f"{run.run_id} is {run.read_status().state}, and no model yet. Wait until it has finished, "
        f"or go on with it: mammo resume {run.run_id}."
    )


def own_dataset(run: RunFolder, config: RunConfig) -> Dataset:
    """The data set `config` names, split as it says; refused where `run` was trained on other
    images than lie there now.
    """
    dataset = load_dataset(config)
    if fingerprint_of(dataset.manifest) != run.card().data.fingerprint:
        raise RunError(
            f"The images in {config.data.folder} are not those {run.run_id} was trained on: their "
            "ids, labels or splits differ. Name the folder of the data set as it was."
        )
    return dataset


def find_images(run: RunFolder, *, folder: str | None, report: Report) -> OwnImages:
    """`folder` is where the data set lies, if it has moved. Other images than the run was trained
    on are refused.
    """
    if run.card().model.members > 1:
        raise RunError(
            f"{run.run_id} was packed from the folds of a cross-validation: what is kept beside it "
            f"is made anew by `mammo card {run.run_id} --write`."
        )
    config = run.settings(RunConfig)
    if folder is not None:
        config = replace(config, data=replace(config.data, folder=folder))
    dataset = own_dataset(run, config)
    splits = load_images(dataset, config, report=report, should_stop=lambda: False)
    return OwnImages(config=config, dataset=dataset, splits=splits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """The checkpoint a training goes on from. `limits` are sentences for the new card."""

    run: RunFolder
    card: ModelCard
    seen: pd.DataFrame | None
    limits: tuple[str, ...] = ()


def origin_of(config: RunConfig) -> Origin | None:
    """What the settings say to go on from, its weights those its card was written for."""
    weights = config.model.weights
    if not weights.startswith(FROM_CHECKPOINT):
        return None
    run_id = weights.removeprefix(FROM_CHECKPOINT)
    run = find_checkpoint(run_id)
    card = run.card()
    theirs, ours = card.model, config.model
    if theirs.members > 1:
        raise CheckpointError(
            f"{run_id} is {theirs.members} networks that read together, and a training goes on "
            "from one. Choose one of the folds it was packed from, or other weights."
        )
    is_other_pooling = theirs.pooling != ours.pooling and not card.patches
    if theirs.backbone != ours.backbone or is_other_pooling:
        raise CheckpointError(
            f"{run_id} is a {theirs.backbone} with {theirs.pooling} pooling, this run a "
            f"{ours.backbone} with {ours.pooling} pooling. To go on from it, use the same."
        )
    weights_file = run.weights_file
    if not weights_file.is_file() or sha256_of(weights_file) != card.weights_sha256:
        raise CheckpointError(
            f"The weights of {run_id} are missing, or not those its card was written for. Copy it "
            "again."
        )
    return Origin(run=run, card=card, seen=read_seen(run))


def check_origin(origin: Origin, own: pd.DataFrame, *, is_leak_allowed: bool) -> tuple[str, ...]:
    """Refuse to test on women the origin learnt from; returns what must be said all the same.

    `own` is what the new run sees.
    """
    run_id = origin.run.run_id
    test = own[own["split"] == Split.TEST]
    if origin.seen is None:
        return (f"Training went on from {run_id}. {unknown_seen(run_id)}",)
    shared = learnt_from(origin.seen, test)
    women = test["group_id"].nunique()
    if not shared:
        return ()
    told = f"{len(shared)} of {women} test women are women {run_id} learnt from"
    if not is_leak_allowed:
        raise RunError(
            f"{told} (first: {shared[0]}), and training was to go on from it. Use the split it "
            "was trained with (data.split_seed, data.folds, data.fold), other data, or other "
            "weights."
        )
    return (f"Leaky: {told}, and training went on from it.",)


def picture_scored(run: RunFolder, folder: Path, *, side: int) -> int:
    """Keep small pictures of the validation and test images of `run`, which lie in `folder`, beside
    it; how many they are. Refused where the images may not be passed on, or are others.
    """
    from mammo_core.datasets.small_images import thumbnail  # reads images: a training does without

    card, config = run.card(), run.settings(RunConfig)
    if not may_show(card):
        raise RunError(f"{why_no_pictures(run, card)} Pictures can be kept of drawn images alone.")
    seen = read_seen(run)
    if seen is None:
        raise RunError(unknown_seen(run.run_id))
    dataset = read_dataset(folder, config.data.adapter, config.data.label_rule)
    wanted = seen[seen["split"].isin((Split.VAL, Split.TEST))].merge(
        dataset.manifest[["image_id", "path"]], on="image_id"
    )
    pictures = {
        str(row.image_id): thumbnail(folder, str(row.path), side=side)
        for row in wanted.itertuples()
        if _content_of(folder, str(row.path)) == row.content
    }
    found = {name: data for name, data in pictures.items() if data is not None}
    if not found:
        raise RunError(f"None of the images {run.run_id} was judged on is in that folder.")
    write_pictures(run, found)
    return len(found)


def _content_of(folder: Path, path: str) -> str:
    """The SHA-256 of a plain file inside `folder`; "" where none is, or a link leads out of it."""
    from mammo_core.preprocessing.reading.limits import read_source

    try:
        return hashlib.sha256(read_source(folder / path, inside=folder)).hexdigest()
    except ReadError:
        return ""


def seen_table(images: Mapping[Split, ImageSet], *, dataset: str) -> pd.DataFrame:
    """What a run on these images sees."""
    parts = [
        one.manifest[["image_id", "group_id"]].assign(
            dataset=dataset, split=str(split), content=list(one.contents)
        )
        for split, one in images.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(SEEN_COLUMNS)].astype("string")


def refuse_other_images(run: RunFolder, own: pd.DataFrame) -> None:
    """Refuse to go on where `own`, what `run` would see now, is not what it began with: its women
    would be dealt anew, and some it has learnt from could be tested on.
    """
    before = read_seen(run)
    if before is None:
        return
    is_test = (before["split"] == Split.TEST).fillna(value=False).to_numpy()
    behind = int(is_test.nonzero()[0].max()) + 1 if is_test.any() else len(before)
    begun = before.iloc[:behind]  # behind its test images stands whom its origin had learnt from
    text = own.to_csv(index=False, lineterminator="\n").encode()
    now = parse_table(BytesIO(text), name=SEEN_NAME, what="list of seen images")
    columns = ["image_id", "group_id", "split"]
    if begun["content"].notna().all():
        columns.append("content")
    was, would = (
        Counter(table[columns].fillna("").itertuples(index=False, name=None))
        for table in (begun, now)
    )
    other = sorted({str(row[0]) for row in (was - would) + (would - was)})
    if other:
        known = {str(name) for table in (begun, now) for name in table["image_id"]}
        raise RunError(
            f"The images are not those this run began with: {len(other)} of {len(known)} are other "
            f"files, or of another woman or split (first: {other[0]}). Put the data set back as it "
            "was and resume, or start the training anew."
        )


def retell_seen(run: RunFolder, *, folder: str | None = None, report: Report) -> int:
    """Write down anew whom a finished run has seen, from its data set, which lies in `folder` where
    that has moved; how many women. For checkpoints from before this was kept.
    """
    config = run.settings(RunConfig)
    origin = origin_of(config)
    if origin and origin.seen is None:
        raise RunError(
            f"{run.run_id} went on from {origin.run.run_id}. {unknown_seen(origin.run.run_id)}"
        )
    found = find_images(run, folder=folder, report=report)
    own = seen_table(found.splits, dataset=config.data.folder)
    write_seen(own, origin.seen if origin else None, run.file(SEEN_NAME))
    return int(own["group_id"].nunique())
