"""The women of a study: whom it found, left out and why, and used; and who they are (Table 1)."""

import html
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from mammo_core.errors import MammoError
from mammo_core.reports.document import Drawing, Table
from mammo_core.reports.study.external import Elsewhere, read_elsewhere
from mammo_core.reports.study.results import Results, measure_study
from mammo_core.reports.study.study import ALL, SPLIT_NAMES, RunStudy, Sight, read_study
from mammo_core.runs.folder import RunFolder
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

    def _count(self, people: int) -> str:
        return many(people, self.people.replace("women", "woman"), self.people)

    def left_out(self, group: Group) -> str:
        """Images of women of whom others may be used."""
        return (
            f"{group.name}: {many(group.images, 'image', 'images')} of {self._count(group.women)}"
        )

    @property
    def left_out_altogether(self) -> str:
        return f"no image used at all: {self._count(self.without_any or 0)}"

    def words(self, group: Group) -> str:
        counts = f"{self._count(group.women)}, {many(group.images, 'image', 'images')}"
        if group.positive_images is None:
            return counts
        return f"{counts}, {group.positive_images:,} of them positive"

    @property
    def lines(self) -> tuple[str, ...]:
        """The flow as sentences."""
        found = [f"Found: {self.words(self.found)}."] if self.found is not None else []
        excluded = [f"Left out, {self.left_out(one)}." for one in self.excluded]
        if self.found is not None:
            excluded.append(f"Left out, {self.left_out_altogether}.")
        return (*found, *excluded, *(f"{one.name}: {self.words(one)}." for one in self.used))


def flow_of(study: RunStudy) -> Flow:
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


def _of_training(study: RunStudy, manifest: pd.DataFrame) -> Flow:
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


def _of_evaluation(study: RunStudy, manifest: pd.DataFrame) -> Flow:
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
            (
                "not scored (unreadable, blank or a mask)",
                manifest[is_wanted & ~is_scored],
            ),
            ("no label under the label rule", manifest[is_wanted & is_scored & ~is_labelled]),
        ),
        used=(_group("Evaluated", used, study.task),),
        people=_people(manifest),
    )


def _scored(study: RunStudy) -> tuple[Group, ...]:
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
    is_named = table is None or table["patient_id"].notna().any()
    return "women" if is_named else "groups of images"


_WIDTH: Final = 760
_LINE: Final = 18
_TRUNK: Final = 160  # where the line down from what was found stands


def drawing_of(flow: Flow) -> Drawing:
    """What was found at the top, what was left out beside it, what was used in a row below."""
    parts: list[str] = []
    y = 10
    if flow.found is not None:
        tall, box = _box(10, y, 300, ["Found", flow.words(flow.found)])
        left_out = [*map(flow.left_out, flow.excluded), flow.left_out_altogether]
        side_tall, side = _box(400, y, 350, ["Left out", *left_out])
        parts += [box, side, _arrow(310, y + tall // 2, 400, y + tall // 2)]
        y += max(tall, side_tall) + 50
        parts += _branches(10 + tall, y, len(flow.used))
    width = _width_of(len(flow.used))
    tallest = 0
    for number, one in enumerate(flow.used):
        tall, box = _box(10 + number * (width + 10), y, width, [one.name, flow.words(one)])
        parts.append(box)
        tallest = max(tallest, tall)
    label = html.escape(" ".join(flow.lines), quote=True)
    height = y + tallest + 10
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )
    return Drawing(svg=svg, lines=flow.lines)


def _width_of(boxes: int) -> int:
    return (_WIDTH - 10) // max(1, boxes) - 10


def _branches(top: int, bottom: int, boxes: int) -> list[str]:
    """From what was found down to a line, and from it to the middle of each box."""
    width, turn = _width_of(boxes), bottom - 25
    middles = [10 + number * (width + 10) + width // 2 for number in range(boxes)]
    ends = [*middles, _TRUNK]
    return [
        _line(_TRUNK, top, _TRUNK, turn),
        _line(min(ends), turn, max(ends), turn),
        *(_arrow(x, turn, x, bottom) for x in middles),
    ]


def _box(x: int, y: int, width: int, texts: Sequence[str]) -> tuple[int, str]:
    """Its height, and itself: the first text is a heading."""
    lines = [line for text in texts for line in textwrap.wrap(text, max(10, width // 8))]
    height = _LINE * len(lines) + 14
    words = "".join(_svg_words(x + 10, y, lines))
    frame = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#f5f6f8" '
        'stroke="#6b7785"/>'
    )
    return height, frame + words


def _svg_words(x: int, y: int, lines: Sequence[str]) -> Iterable[str]:
    for number, line in enumerate(lines):
        weight = ' font-weight="600"' if number == 0 else ""
        yield (
            f'<text x="{x}" y="{y + 20 + number * _LINE}" font-size="13"{weight} '
            f'font-family="system-ui, sans-serif" fill="#1c2430">{html.escape(line)}</text>'
        )


def _arrow(x0: int, y0: int, x1: int, y1: int) -> str:
    head = f"{x1},{y1} {x1 - 8},{y1 - 5} {x1 - 8},{y1 + 5}"
    if x0 == x1:
        head = f"{x1},{y1} {x1 - 5},{y1 - 8} {x1 + 5},{y1 - 8}"
    return f'{_line(x0, y0, x1, y1)}<polygon points="{head}" fill="#6b7785"/>'


def _line(x0: int, y0: int, x1: int, y1: int) -> str:
    return f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#6b7785"/>'


_NO_TRAINING: Final = (
    "Made from the predictions, which are of validation and test images only: nothing is known of "
    "the women trained on beyond the flow above."
)
_NOT_STATED: Final = "not stated"
_MOST_VALUES: Final = 10  # of a column of words; the rest is counted as "others"
_OF_WOMEN: Final = {"density": "Density", "site": "Site", "machine": "Machine"}
_OF_IMAGES: Final = {"view": "View", "side": "Side", "birads": "BI-RADS", "lesion": "Lesion"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column of the table: the images of one split and kind of woman, and the women."""

    name: str
    images: pd.DataFrame
    women: pd.DataFrame


def table_one(study: RunStudy) -> tuple[Table, str] | None:
    """The table, and what it lacks in a sentence; None where no image is known."""
    images, lack = _images_of(study)
    if images is None:
        return None
    known = images[images["positive"].notna()]
    if known.empty:
        return None
    columns = _columns(known)
    has_women = bool(known["patient_id"].notna().any())
    people = "Women" if has_women else "Groups of images (no patient is named)"
    rows = [
        (people, *(f"{len(column.women):,}" for column in columns)),
        ("Age in years, median (quartiles)", *(_age(column) for column in columns)),
        *_rows_of(columns, _OF_WOMEN, lambda column: column.women, unit=people.split()[0].lower()),
        ("Images", *(f"{len(column.images):,}" for column in columns)),
        (
            "Positive images",
            *(
                _share(int(column.images["positive"].sum()), len(column.images))
                for column in columns
            ),
        ),
        ("Positive breasts", *(_breasts(column) for column in columns)),
        *_rows_of(columns, _OF_IMAGES, lambda column: column.images, unit="images"),
    ]
    header = ("", *(column.name for column in columns))
    return Table(header=header, rows=tuple(rows), caption="Table 1"), lack


def _images_of(study: RunStudy) -> tuple[pd.DataFrame | None, str]:
    """The images that were used, `positive` beside them."""
    manifest = study.data.manifest
    if manifest is not None:
        table = manifest.assign(positive=positive_of(manifest["label"], study.task))
        if not study.is_external:
            return table[table["split"].notna()], ""
        if study.predictions is not None:
            table = table[table["image_id"].isin(study.predictions["image_id"])]
        return table.assign(split=""), ""
    if study.predictions is None:
        return None, ""
    table = study.predictions
    if study.is_external:
        return table.assign(split=""), ""
    return table, "" if (table["split"] == Split.TRAIN).any() else _NO_TRAINING


def _columns(known: pd.DataFrame) -> list[Column]:
    has_cancer = known.groupby("group_id")["positive"].transform("any").astype(bool)
    columns = []
    for split in (*Split, ""):
        of_split = known["split"].fillna("") == split
        for is_positive, words in ((True, "with a positive image"), (False, "without")):
            images = known[of_split & (has_cancer == is_positive)]
            if of_split.any():
                name = f"{SPLIT_NAMES.get(split, 'All')}, {words}"
                women = images.groupby("group_id", sort=False).first()
                columns.append(Column(name=name, images=images, women=women))
    return columns


def _age(column: Column) -> str:
    age = column.women["age"].dropna().astype("float64").to_numpy()
    if not len(age):
        return _NOT_STATED
    low, middle, high = np.percentile(age, [25, 50, 75])
    return (
        f"{middle:.0f} ({low:.0f} to {high:.0f}), stated for {len(age):,} of {len(column.women):,}"
    )


def _breasts(column: Column) -> str:
    """Breasts are told apart by woman, exam and side."""
    if column.images["side"].isna().any():
        return _NOT_STATED
    keys = column.images["group_id"] + "/" + column.images["exam_id"].fillna("")
    positive = column.images["positive"].groupby(keys + "/" + column.images["side"]).any()
    return _share(int(positive.sum()), len(positive))


def _rows_of(
    columns: Sequence[Column],
    names: dict[str, str],
    counted: Callable[[Column], pd.DataFrame],
    *,
    unit: str,
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for column_name, title in names.items():
        values = [
            counted(column)[column_name].astype("string").fillna(_NOT_STATED) for column in columns
        ]
        found = pd.concat(values).value_counts()
        if set(found.index) <= {_NOT_STATED}:
            rows.append((title, *(_NOT_STATED for _ in columns)))
            continue
        common = [str(name) for name in found.index if name != _NOT_STATED][:_MOST_VALUES]
        kept = [value.where(value.isin([*common, _NOT_STATED]), "others") for value in values]
        for name in (*sorted(common), "others", _NOT_STATED):
            counts = [(int((value == name).sum()), len(value)) for value in kept]
            if any(count for count, _ in counts):
                cells = (_share(count, total) for count, total in counts)
                rows.append((f"{title}: {name} ({unit})", *cells))
    return rows


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} ({count / total:.0%})" if total else "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reported:
    """`results` is None where nothing can be measured, and `why_no_results` says why."""

    study: RunStudy
    flow: Flow
    table_one: Table | None
    table_one_lacks: str
    results: Results | None
    why_no_results: str
    elsewhere: tuple[Elsewhere, ...] = ()  # on other data sets, this model's and others'


def read_reported(
    run: RunFolder, roots: Sequence[Path], *, audits: Path, sight: Sight = ALL
) -> Reported:
    """Everything that a report of `run` tells."""
    study = read_study(run, roots, audits=audits, sight=sight)
    results, reason = _measured(study)
    table = table_one(study)
    return Reported(
        study=study,
        flow=flow_of(study),
        table_one=table[0] if table is not None else None,
        table_one_lacks=table[1] if table is not None else "",
        results=results,
        why_no_results=reason,
        elsewhere=() if study.is_external else read_elsewhere(run, sight.runs_of(roots)),
    )


def _measured(study: RunStudy) -> tuple[Results | None, str]:
    """One missing thing shall not cost the whole report: it is said where the results would be."""
    try:
        return measure_study(study), ""
    except MammoError as error:
        return None, str(error)
