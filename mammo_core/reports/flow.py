"""Which women and images a study found, left out and why, and used: counts, words and a drawing."""

import html
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from mammo_core.reports.document import Drawing
from mammo_core.reports.study import SPLIT_NAMES, Study
from mammo_core.tables import positive_of
from mammo_core.types import Split, Task
from mammo_core.words import many

_WIDTH: Final = 760
_LINE: Final = 18


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
        excluded = [f"Left out, {one.name}: {self.words(one)}." for one in self.excluded]
        if self.found is not None and not self.excluded:
            excluded = ["Left out: none."]
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


def drawing_of(flow: Flow) -> Drawing:
    return Drawing(svg=_svg(flow), lines=flow.lines)


def _of_training(study: Study, manifest: pd.DataFrame) -> Flow:
    is_labelled = manifest["label"].notna()
    unused = is_labelled & manifest["split"].isna()
    used = manifest[is_labelled & ~unused]
    return Flow(
        found=_group("found", manifest),
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
    return Flow(
        found=_group("found", manifest),
        excluded=_excluded(
            (f"not in the {wanted} split", manifest[~is_wanted]),
            ("not scored (could not be read)", manifest[is_wanted & ~is_scored]),
            ("no label under the label rule", manifest[is_wanted & is_scored & ~is_labelled]),
        ),
        used=(_group("Evaluated", manifest[is_wanted & is_scored & is_labelled], study.task),),
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


def _people(table: pd.DataFrame | None) -> str:
    is_told = table is None or table["patient_id"].notna().any()
    return "women" if is_told else "groups of images"


def _svg(flow: Flow) -> str:
    """What was found at the top, what was left out beside it, what was used in a row below."""
    parts: list[str] = []
    y = 10
    if flow.found is not None:
        tall, box = _box(10, y, 300, ["Found", flow.words(flow.found)])
        left_out = [f"{one.name}: {flow.words(one)}" for one in flow.excluded] or ["none"]
        side_tall, side = _box(400, y, 350, ["Left out", *left_out])
        parts += [box, side, _arrow(310, y + tall // 2, 400, y + tall // 2)]
        y += max(tall, side_tall) + 50
        parts += [_arrow(160, 10 + tall, 160, y)]
    width = (_WIDTH - 10) // max(1, len(flow.used)) - 10
    tallest = 0
    for number, one in enumerate(flow.used):
        tall, box = _box(10 + number * (width + 10), y, width, [one.name, flow.words(one)])
        parts.append(box)
        tallest = max(tallest, tall)
    label = html.escape(" ".join(flow.lines), quote=True)
    height = y + tallest + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _box(x: int, y: int, width: int, texts: Sequence[str]) -> tuple[int, str]:
    """Its height, and itself: the first text is a heading."""
    lines = [line for text in texts for line in textwrap.wrap(text, max(10, width // 8))]
    height = _LINE * len(lines) + 14
    words = "".join(_words(x + 10, y, lines))
    frame = (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="#f5f6f8" '
        'stroke="#6b7785"/>'
    )
    return height, frame + words


def _words(x: int, y: int, lines: Sequence[str]) -> Iterable[str]:
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
    return (
        f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="#6b7785"/>'
        f'<polygon points="{head}" fill="#6b7785"/>'
    )
