"""Who is trained on and who is tested on: by woman, never by image; and the images that a
checkpoint may be judged on, those it did not learn from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from mammo_core.config import DataConfig, JudgeConfig, RunConfig, load_settings
from mammo_core.datasets.dataset import Dataset, find_folder, fingerprint_of, read_dataset
from mammo_core.errors import CheckpointError, RunError, TableError
from mammo_core.files import sha256_of
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import learnt_from, read_seen
from mammo_core.tables import check_splits, positive_of
from mammo_core.types import Split, Task

LEAKY: Final = "leaky split"
COPY: Final = " copy "  # between an image's name and the number of its copy
_MANY_VALUES: Final = 8  # a column of numbers with more is cut into thirds before it stratifies


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Groups that lie in more than one split: a result made from such a split means nothing."""

    groups: tuple[str, ...]
    of_groups: int

    def __bool__(self) -> bool:
        return bool(self.groups)

    @property
    def stamp(self) -> str:
        """What stands beside every result of such a split; empty where there is no leak."""
        if not self:
            return ""
        return f"{LEAKY}: {len(self.groups)} of {self.of_groups} women are in several splits"


def find_leak(table: pd.DataFrame) -> Leak:
    """The leak of a manifest's split, or of a predictions table's."""
    splits = table.dropna(subset=["split"]).groupby("group_id")["split"].nunique()
    return Leak(groups=tuple(splits.index[splits > 1]), of_groups=len(splits))


def with_splits(
    manifest: pd.DataFrame,
    *,
    task: Task,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    is_official_split: bool,
    stratify_by: str | None = None,
    is_leak_allowed: bool = False,
) -> pd.DataFrame:
    """`manifest`, its labelled images split. An official train and test split is kept if asked.

    An official split that leaks is refused, unless it was asked for by name.
    """
    labelled = manifest[manifest["label"].notna()]
    if is_official_split and {Split.TRAIN, Split.TEST} <= set(labelled["split"].dropna()):
        manifest = _with_validation(
            manifest, task=task, val_fraction=val_fraction, seed=seed, stratify_by=stratify_by
        )
    else:
        shares = {Split.VAL: val_fraction, Split.TEST: test_fraction}
        strata = strata_of(labelled, task=task, key="group_id", column=stratify_by)
        dealt = deal(strata, shares=shares, rest=Split.TRAIN, seed=seed)
        manifest = _placed(manifest, dealt, key="group_id")
    if not is_leak_allowed:
        check_splits(manifest)
    return _with_both_classes(manifest, task, is_validated=val_fraction > 0.0)


def _with_both_classes(
    manifest: pd.DataFrame, task: Task, *, is_validated: bool = True
) -> pd.DataFrame:
    positive = positive_of(manifest["label"], task)
    for split in Split:
        part = positive[manifest["split"] == split].dropna()
        is_needed = is_validated or split is not Split.VAL
        if is_needed and (part.all() or not part.any()):
            raise TableError(
                f"Of {len(part)} labelled images in the {split} split {int(part.sum())} are "
                f"positive. Every split needs both classes: more women, or another share."
            )
    return manifest


def with_image_splits(
    manifest: pd.DataFrame, *, task: Task, val_fraction: float, test_fraction: float, seed: int
) -> pd.DataFrame:
    """A split by image, which leaks wherever a woman has several: to show what that does."""
    labelled = manifest[manifest["label"].notna()]
    shares = {Split.VAL: val_fraction, Split.TEST: test_fraction}
    strata = strata_of(labelled, task=task, key="image_id", column=None)
    return _placed(
        manifest, deal(strata, shares=shares, rest=Split.TRAIN, seed=seed), key="image_id"
    )


def with_copies(manifest: pd.DataFrame, task: Task) -> pd.DataFrame:
    """`manifest` with the labelled images of the rarer class repeated until both are as many: what
    oversampling before the split does. A copy has a name of its own and the same file.
    """
    is_positive = positive_of(manifest["label"], task)
    wanted = int(is_positive.sum()) * 2 <= int(is_positive.notna().sum())
    rarer = manifest[(is_positive == wanted).fillna(value=False)]
    lacking = int(is_positive.notna().sum()) - 2 * len(rarer)
    if rarer.empty:
        return manifest
    places = np.arange(lacking)
    copies = rarer.iloc[places % len(rarer)].reset_index(drop=True)
    numbers = pd.Series(places // len(rarer) + 1).astype("string")
    copies = copies.assign(image_id=copies["image_id"] + COPY + numbers)
    return pd.concat([manifest, copies], ignore_index=True)


def original_of(image_id: str) -> str:
    """The image of the data set that a row of a split is, or is a copy of."""
    return image_id.partition(COPY)[0]


def with_folds(
    manifest: pd.DataFrame, *, task: Task, folds: int, seed: int, stratify_by: str | None = None
) -> pd.DataFrame:
    """`manifest` with its labelled images in `folds` parts (column `fold`, from 0), by group."""
    if folds < 2:
        raise TableError(f"{folds} folds are no cross-validation; at least 2 are.")
    labelled = manifest[manifest["label"].notna()]
    strata = strata_of(labelled, task=task, key="group_id", column=stratify_by)
    fewest = int(positive_groups(labelled, task).value_counts().min()) if len(strata) else 0
    if fewest < folds:
        raise TableError(
            f"{folds} folds need {folds} women of each class; one class has {fewest}. "
            "Choose fewer folds."
        )
    order = _shuffled(strata, seed)
    fold = {group: place % folds for place, group in enumerate(order)}
    numbers = manifest["group_id"].map(fold).where(manifest["label"].notna())
    return manifest.assign(fold=numbers.astype("Int64"))


def positive_groups(labelled: pd.DataFrame, task: Task) -> "pd.Series[bool]":
    """Per group whether any of its images is positive."""
    positive = positive_of(labelled["label"], task)
    return positive.groupby(labelled["group_id"]).any()


def strata_of(
    labelled: pd.DataFrame, *, task: Task, key: str, column: str | None
) -> "pd.Series[Any]":
    """Per group its stratum: its highest class, and its value of `column`."""
    place = labelled["label"].map({name: place for place, name in enumerate(task.classes)})
    highest = place.groupby(labelled[key]).max().astype(int).astype("string")
    if column is None:
        return highest
    if column not in labelled or labelled[column].isna().all():
        raise TableError(f"The split cannot be stratified by {column}: no image tells it.")
    value = labelled[column]
    if pd.api.types.is_numeric_dtype(value) and value.nunique() > _MANY_VALUES:
        value = pd.Series(pd.qcut(value.astype("float64"), 3, duplicates="drop"))
    value = value.astype("string").fillna("unknown")
    return highest + " " + value.groupby(labelled[key]).first()


def deal(
    strata: "pd.Series[Any]", *, shares: Mapping[Split, float], rest: Split, seed: int
) -> dict[str, Split]:
    """Which split each group goes to: `shares` of every stratum, what is left to `rest`.

    Groups come stratum by stratum, in random order within; each goes to the split that lacks most.
    So every stratum gets its shares to within one group, and so does the whole.
    """
    wanted = {**shares, rest: 1.0 - sum(shares.values())}
    given = dict.fromkeys(wanted, 0)
    dealt = {}
    for place, group in enumerate(_shuffled(strata, seed), start=1):
        split = max(wanted, key=lambda split: wanted[split] * place - given[split])
        given[split] += 1
        dealt[group] = split
    return dealt


def _placed(manifest: pd.DataFrame, dealt: Mapping[str, Split], *, key: str) -> pd.DataFrame:
    splits = manifest[key].map(dict(dealt)).astype("string")
    return manifest.assign(split=splits.where(manifest["label"].notna()))


def _shuffled(strata: "pd.Series[Any]", seed: int) -> Sequence[str]:
    """Stratum by stratum, in an order that depends on the seed and not on that of the rows."""
    rng = np.random.default_rng(seed)
    strata = strata.sort_index()
    order: list[str] = []
    for stratum in sorted(strata.unique()):
        groups = strata.index[strata == stratum]
        order.extend(groups[rng.permutation(len(groups))])
    return order


def _with_validation(
    manifest: pd.DataFrame, *, task: Task, val_fraction: float, seed: int, stratify_by: str | None
) -> pd.DataFrame:
    """The official split, a validation part taken from its training women if it brings none."""
    if (manifest["split"] == Split.VAL).any():
        return manifest
    is_training = (manifest["split"] == Split.TRAIN).fillna(value=False)
    training = manifest[is_training & manifest["label"].notna()]
    strata = strata_of(training, task=task, key="group_id", column=stratify_by)
    dealt = deal(strata, shares={Split.VAL: val_fraction}, rest=Split.TRAIN, seed=seed)
    moved = manifest["group_id"].map(dealt).astype("string")
    return manifest.assign(split=manifest["split"].mask(is_training & moved.notna(), moved))


def split_as_set(manifest: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    """`manifest`, its labelled images split as `data` says; the others have no split, nor have
    training women beyond the share that is learnt from. Where the test images choose the epoch,
    nobody is dealt to validation.
    """
    split = _split_whole(manifest, data, task)
    return split if data.train_share == 1.0 else _with_share(split, data, task)


def _with_share(split: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    """The first of the training women of each stratum, in an order that no share changes: whoever
    is among a fourth is among a half.
    """
    learnt = split[split["split"] == Split.TRAIN]
    strata = strata_of(learnt, task=task, key="group_id", column=data.stratify_by)
    order = pd.Series(list(_shuffled(strata, data.split_seed)))
    stratum = order.map(strata)
    wanted = np.ceil(data.train_share * stratum.map(stratum.value_counts()) - 1e-9)
    kept = order[order.groupby(stratum).cumcount() < wanted]
    is_left = (split["split"] == Split.TRAIN) & ~split["group_id"].isin(kept)
    return _with_both_classes(
        split.assign(split=split["split"].mask(is_left.fillna(value=False))),
        task,
        is_validated=not data.is_test_validation,
    )


def _split_whole(manifest: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    val_fraction = 0.0 if data.is_test_validation else data.val_fraction
    if data.unit == "image":
        return _with_both_classes(
            with_image_splits(
                with_copies(manifest, task) if data.has_copies else manifest,
                task=task,
                val_fraction=val_fraction,
                test_fraction=data.test_fraction,
                seed=data.split_seed,
            ),
            task,
            is_validated=val_fraction > 0.0,
        )
    if data.folds:
        manifest = _with_fold(manifest, data, task)
    if data.is_test_validation:  # what the set brings to validate on is trained on
        manifest = manifest.assign(split=manifest["split"].replace(Split.VAL, Split.TRAIN))
    return with_splits(
        manifest,
        task=task,
        val_fraction=val_fraction,
        test_fraction=data.test_fraction,
        seed=data.split_seed,
        is_official_split=data.is_official_split or data.folds > 0,
        stratify_by=data.stratify_by,
        is_leak_allowed=data.is_leak_allowed,
    )


def chosen_by(split: pd.DataFrame, data: DataConfig) -> pd.DataFrame:
    """The images of a split manifest by which the epoch is chosen."""
    return split[split["split"] == (Split.TEST if data.is_test_validation else Split.VAL)]


def stamps_of(split: pd.DataFrame, data: DataConfig) -> tuple[str, ...]:
    """What stands beside every result of such a split; nothing where it is sound."""
    told = [find_leak(split).stamp]
    tested = split[split["split"] == Split.TEST]
    learnt = split.loc[split["split"].isin([Split.TRAIN, Split.VAL]), "path"]
    copies = int(tested["path"].isin(learnt).sum())
    if copies:
        told.append(f"{LEAKY}: {copies} of {len(tested)} test images are also learnt from")
    if data.is_test_validation:
        told.append(
            f"{LEAKY}: the {len(tested)} test images chose the epoch, so results on them flatter"
        )
    return tuple(text for text in told if text)


def in_one_split(manifest: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The labelled images of `manifest` all in `split`."""
    is_labelled = manifest["label"].notna()
    return manifest.assign(split=is_labelled.map({True: str(split), False: None}).astype("string"))


def used_images(split: pd.DataFrame) -> pd.DataFrame:
    """The images of a split manifest that a run trains, chooses or tests on."""
    is_used = split["split"].notna() & split["label"].notna()
    return split[is_used].reset_index(drop=True)


def _with_fold(manifest: pd.DataFrame, data: DataConfig, task: Task) -> pd.DataFrame:
    """One fold to test on, the others to train on. Validation women come from the latter, so that
    the test fold chooses nothing: not the epoch, not a threshold.
    """
    manifest = with_folds(
        manifest,
        task=task,
        folds=data.folds,
        seed=data.split_seed,
        stratify_by=data.stratify_by,
    )
    is_test = manifest["fold"] == data.fold
    split = is_test.map({True: Split.TEST, False: Split.TRAIN}, na_action="ignore")
    return manifest.assign(split=split.astype("string"))


def judged_images(run: RunFolder, card: ModelCard, config: JudgeConfig) -> tuple[Dataset, str, str]:
    """The images, what to call their data set, and the split they are."""
    if config.folder is None or is_same_folder(config.folder, run):
        _refuse_what_is_of_others(config)
        if card.model.members > 1:
            raise TableError(
                f"Of its own data set every woman was learnt from by some member of {run.run_id}. "
                "What it does out of fold is counted by `mammo card`; to judge all members "
                "together, name a data set it has not seen with --data."
            )
        own = run.settings(RunConfig).data
        return own_test_images(card, own), card.data.dataset, str(Split.TEST)
    name = Path(config.folder).name  # never the whole path: it tells of the computer
    return _unseen(run, other_images(card, config.folder, config), name), name, config.split


def _refuse_what_is_of_others(config: JudgeConfig) -> None:
    """Of its own data set a model is judged on its test women, read as it learnt: nothing else."""
    asked = ["--split"] if config.split not in ("all", Split.TEST) else []
    if config.folder is None:
        named = {"--adapter": config.adapter, "--label-rule": config.label_rule}
        asked += [option for option, value in named.items() if value is not None]
    if asked:
        raise TableError(
            f"{asked[0]} is of another data set, named with --data. Of its own a model is judged "
            "on its test women, read as it learnt."
        )


def _unseen(run: RunFolder, dataset: Dataset, name: str) -> Dataset:
    """`dataset` without the women `run` learnt from, by their names or by what is in their files:
    a lesion finder or a start of weights may have seen them.
    """
    seen, manifest = read_seen(run), dataset.manifest
    if seen is None:
        return dataset
    kept = manifest[~manifest["group_id"].isin(women_in(seen, dataset, name))]
    if kept.empty:
        raise TableError(
            f"{run.run_id} learnt from all {manifest['group_id'].nunique()} women of {name}: what "
            "it remembers of them is no measure. Name a data set it has not seen."
        )
    return replace(dataset, manifest=kept.reset_index(drop=True))


def women_in(seen: pd.DataFrame, dataset: Dataset, name: str) -> list[str]:
    """The women of `dataset`, called `name`, of whom `seen` says that they were learnt from."""
    contents = [_content(dataset.root / str(path)) for path in dataset.manifest["path"]]
    return learnt_from(seen, dataset.manifest.assign(dataset=name, content=contents))


def _content(file: Path) -> str:
    return sha256_of(file) if file.is_file() else ""


def own_test_images(card: ModelCard, data: DataConfig) -> Dataset:
    """The test images of the data set a run learnt from, split as its settings `data` say."""
    folder = find_folder(data.folder)
    if not folder.is_dir():
        raise RunError(
            f"The data set {card.model_id} learnt from is not here ({data.folder}). Name another "
            "with --data."
        )
    dataset = read_dataset(folder, data.adapter, data.label_rule)
    used = used_images(split_as_set(dataset.manifest, data, card.task))
    if fingerprint_of(used) != card.data.fingerprint:
        raise TableError(
            f"The data set in {folder} is not as {card.model_id} learnt it: its images, labels or "
            "splits are others, so which images are new to the model cannot be told. Name a data "
            "set it has not seen with --data."
        )
    return replace(dataset, manifest=_of_split(used, Split.TEST))


def other_images(card: ModelCard, name: str, config: JudgeConfig) -> Dataset:
    """The images of a data set that the checkpoint may be asked about."""
    dataset = read_dataset(find_folder(name), config.adapter, config.label_rule)
    refuse_unfit(card, dataset)
    if config.split == "all":
        return dataset
    return replace(dataset, manifest=_of_split(dataset.manifest, config.split))


def refuse_unfit(card: ModelCard, dataset: Dataset) -> None:
    """Images of other classes, or of women where the model has only seen drawings."""
    known = dataset.label_rule.task.classes
    if known != card.task.classes:
        raise TableError(
            f"{card.model_id} tells {', '.join(card.task.classes)} apart; the label rule "
            f"{dataset.label_rule.name} knows {', '.join(known)}."
        )
    if card.data.seen == "synthetic" and dataset.adapter.imaging != "synthetic":
        raise CheckpointError(
            f"{card.model_id} has only seen synthetic images; {dataset.adapter.title} is not "
            "synthetic. Choose a model that learnt from mammograms."
        )


def whole_groups(rows: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """The first `most` of `rows`, sorted by woman, and the rest of the woman they end with."""
    numbers = np.arange(len(rows))
    first = pd.Series(numbers).groupby(rows["group_id"].to_numpy()).transform("min")
    return rows[(first < most).to_numpy()].reset_index(drop=True)


def is_same_folder(data: str, run: RunFolder) -> bool:
    """Whether `data` is what the run learnt from. A checkpoint from elsewhere may not say."""
    settings = run.settings_file
    if not settings.exists():
        return False
    learnt_from = load_settings(settings, RunConfig).data.folder
    return find_folder(data).resolve() == find_folder(learnt_from).resolve()


def _of_split(manifest: pd.DataFrame, split: str) -> pd.DataFrame:
    chosen = manifest[(manifest["split"] == split).fillna(value=False)]
    if chosen.empty:
        raise TableError(f"This data set has no {split} split.")
    return chosen.reset_index(drop=True)
