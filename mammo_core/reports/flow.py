"""Which women and images a study found, left out and why, and used: counts and words."""

from dataclasses import dataclass

import pandas as pd

from mammo_core.reports.study import SPLIT_NAMES, Study
from mammo_core.tables import positive_of
from mammo_core.types import Split, Task
from mammo_core.words import many


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some of the images: what they are, or why they were left out. `positive` None: not known."""

    name: str
    women: int
    images: int
    positive_images: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """`found` is None where only what was used is known. `people` is what a group is."""

    found: Group | None
    excluded: tuple[Group, ...]
    used: tuple[Group, ...]
    people: str = "women"
    without_any: int | None = None  # women of whom no image is used

    def left_out(self, group: Group) -> str:
        """Images of women of whom others may be used."""
        people = many(group.women, self.people.replace("women", "woman"), self.people)
        return f"{group.name}: {many(group.images, 'image', 'images')} of {people}"

    @property
    def left_out_altogether(self) -> str:
        people = many(self.without_any or 0, self.people.replace("women", "woman"), self.people)
        return f"no image used at all: {people}"

    def words(self, group: Group) -> str:
        people = many(group.women, self.people.replace("women", "woman"), self.people)
        if group.positive_images is None:
            return f"{people}, {many(group.images, 'image', 'images')}"
        return (
            f"{people}, {many(group.images, 'image', 'images')}, "
            f"{group.positive_images:,} of them positive"
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """The flow as sentences."""
        found = [f"Found: {self.words(self.found)}."] if self.found is not None else []
        excluded = [f"Left out, {self.left_out(one)}." for one in self.excluded]
        if self.found is not None:
            excluded.append(f"Left out, {self.left_out_altogether}.")
        return (*found, *excluded, *(f"{one.name}: {self.words(one)}." for one in self.used))


def flow_of(study: Study) -> Flow:
    """From the data set where it is there, else from the card, else from the predictions."""
    manifest = study.data.manifest
    if manifest is not None:
        return (
            _of_evaluation(study, manifest) if study.is_external else _of_training(study, manifest)
        )
    people = _people(study.predictions)
    if study.card is not None and study.card.data.splits and not study.is_external:
        used = tuple(
            Group(
                name=SPLIT_NAMES[count.split],
                women=count.women,
                images=count.images,
                positive_images=count.positive_images,
            )
            for count in study.card.data.splits
        )
        return Flow(found=None, excluded=(), used=used, people=people)
    return Flow(found=None, excluded=(), used=_scored(study), people=people)


def _of_training(study: Study, manifest: pd.DataFrame) -> Flow:
    is_labelled = manifest["label"].notna()
    unused = is_labelled & manifest["split"].isna()
    used = manifest[is_labelled & ~unused]
    return Flow(
        found=_group("found", manifest),
        without_any=_without_any(manifest, used),
        excluded=_excluded(
            ("no label under the label rule", manifest[~is_labelled]),
            ("in no split", manifest[unused]),
        ),
        used=tuple(
            _group(SPLIT_NAMES[split], used[used["split"] == split], study.task) for split in Split
        ),
        people=_people(manifest),
    )


def _of_evaluation(study: Study, manifest: pd.DataFrame) -> Flow:
    """An evaluation scores every image it can read; without a label it is neither right nor
    wrong.
    """
    wanted = study.evaluation.split if study.evaluation is not None else "all"
    is_wanted = pd.Series(True, index=manifest.index)
    if wanted != "all":
        is_wanted = (manifest["split"] == wanted).fillna(value=False)
    scored = study.predictions if study.predictions is not None else manifest.iloc[:0]
    is_scored = manifest["image_id"].isin(scored["image_id"])
    is_labelled = manifest["label"].notna()
    used = manifest[is_wanted & is_scored & is_labelled]
    return Flow(
        found=_group("found", manifest),
        without_any=_without_any(manifest, used),
        excluded=_excluded(
            (f"not in the {wanted} split", manifest[~is_wanted]),
            ("not scored (could not be read)", manifest[is_wanted & ~is_scored]),
            ("no label under the label rule", manifest[is_wanted & is_scored & ~is_labelled]),
        ),
        used=(_group("Evaluated", used, study.task),),
        people=_people(manifest),
    )


def _scored(study: Study) -> tuple[Group, ...]:
    table = study.predictions
    if table is None:
        return ()
    known = table[table["positive"].notna()]
    return tuple(
        Group(
            name=SPLIT_NAMES.get(str(name), "Evaluated"),
            women=int(rows["group_id"].nunique()),
            images=len(rows),
            positive_images=int(rows["positive"].sum()),
        )
        for name, rows in known.groupby(known["split"].fillna(""), sort=False)
    )


def _group(name: str, rows: pd.DataFrame, task: Task | None = None) -> Group:
    positive = None if task is None else int(positive_of(rows["label"], task).sum())
    women = int(rows["group_id"].nunique())
    return Group(name=name, women=women, images=len(rows), positive_images=positive)


def _excluded(*reasons: tuple[str, pd.DataFrame]) -> tuple[Group, ...]:
    return tuple(_group(name, rows) for name, rows in reasons if len(rows))


def _without_any(manifest: pd.DataFrame, used: pd.DataFrame) -> int:
    return int(manifest["group_id"].nunique() - used["group_id"].nunique())


def _people(table: pd.DataFrame | None) -> str:
    is_told = table is None or table["patient_id"].notna().any()
    return "women" if is_told else "groups of images"
