"""Studies of an archive as a data set: pictures without identity, and a manifest of pseudonyms.

What was pulled is written down study by study, when all its pictures are on the disk: the same
command goes on after it was stopped or killed, fetches nothing twice and leaves nothing out. Days
are kept sealed; the manifest has how many days after the woman's first exam here each one was.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image

from mammo_core.archive.client import ArchiveClient, FoundStudy
from mammo_core.archive.exams import Spool, fetch_images
from mammo_core.archive.journal import append_line, read_lines
from mammo_core.archive.links import own_key, seal, unseal
from mammo_core.errors import ArchiveAwayError, ArchiveError, ConfigError, ReadError
from mammo_core.files import replace_file
from mammo_core.preprocessing.breast import mask_outside_breast
from mammo_core.preprocessing.reading.identity import keyed_id
from mammo_core.preprocessing.reading.limits import MEGABYTE
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.tables import read_table, to_safe_csv
from mammo_core.types import Mammogram, Report

STATE_FILE: Final = "pulled.jsonl"
MANIFEST: Final = "manifest.csv"
_PICTURES: Final = "images"
_COLUMNS: Final = (
    "image_id", "path", "patient_id", "exam_id", "side", "view", "label", "spacing_mm", "bits",
)  # fmt: skip
_LEVELS: Final = 65_535
_KEYS: Final = ("accession", "study")


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLimits:
    """What may be fetched in all; told before anything is."""

    images: int = 20_000
    megabytes: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """How a pull ended."""

    studies: int
    images: int
    labelled: int  # of the images
    known: int  # of the studies, pulled before
    problems: tuple[str, ...]  # a sentence for each study that was left out
    left: int = 0  # studies that are still to be pulled
    why_stopped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels that a table gives, by accession number or study, and side where it has one."""

    key: str  # "accession" or "study"
    by_key: Mapping[tuple[str, str], str]

    def label_of(self, identity: Mapping[str, str], side: str) -> str:
        whose = identity[self.key].strip()
        if not whose:
            return ""
        return self.by_key.get((whose, side)) or self.by_key.get((whose, ""), "")


def read_labels(path: Path) -> Labels:
    """A CSV with the columns `label` and `accession` or `study`, and perhaps `side`."""
    table = read_table(path, what="table of labels").fillna("")
    table.columns = table.columns.str.strip().str.lower()
    key = next((name for name in _KEYS if name in table.columns), "")
    if not key or "label" not in table:
        raise ConfigError(
            f"{path.name} has the columns {', '.join(table.columns)}; a table of labels has label, "
            "and accession or study (the Study Instance UID). Rename its columns."
        )
    sides = table["side"].str.strip().str.upper() if "side" in table else [""] * len(table)
    keys = list(zip(table[key].str.strip(), sides, strict=True))
    empty = sum(not whose for whose, _ in keys)
    if empty:
        raise ConfigError(
            f"{empty} of {len(keys)} lines of {path.name} have no {key}, so whose label it is is "
            "not known. Fill it in, or leave the lines out."
        )
    repeated = len(keys) - len(set(keys))
    if repeated:
        raise ConfigError(
            f"{repeated} of {len(keys)} lines of {path.name} repeat the {key} of another, so which "
            "label counts is not known. Leave one line for each."
        )
    return Labels(key=key, by_key=dict(zip(keys, table["label"].str.strip(), strict=True)))


def pull_studies(
    client: ArchiveClient,
    studies: Sequence[FoundStudy],
    out: Path,
    *,
    limits: PullLimits,
    labels: Labels | None = None,
    report: Report = lambda done, total, message: None,
) -> Pulled:
    """Pull what of `studies` is not in `out` yet, and write the manifest of all that is. Without
    `labels` those that stand in it stay.
    """
    if (out / MANIFEST).exists() and not (out / STATE_FILE).exists():
        raise ConfigError(
            f"{out} already holds a data set ({MANIFEST}) that no archive was pulled into; its "
            "manifest would be lost. Choose an empty folder."
        )
    (out / _PICTURES).mkdir(parents=True, exist_ok=True)
    before = {str(one["exam"]) for one in read_lines(out / STATE_FILE) if "exam" in one}
    todo = [study for study in studies if _exam_id(study) not in before]
    taken, stopped, done = _Taken(limits), "", 0
    problems: list[str] = []
    try:
        for study in todo:
            which = f"Study {done + 1} of {len(todo)}"
            at = partial(_report_at, report, done, len(todo), which)
            try:
                found = _pull(client, study, out, taken, report=at)
                append_line(out / STATE_FILE, found)
                problems += [f"{which}: {one}" for one in found["refused"]]
            except ArchiveAwayError as error:
                stopped = str(error)
                break
            except ArchiveError as error:
                problems.append(f"{which}: {error}")
            done += 1
        report(len(todo), len(todo), "")
    finally:  # Ctrl-C, too, leaves a data set of what is there
        manifest = _manifest(out, labels)
        replace_file(out / MANIFEST, to_safe_csv(manifest))
    return Pulled(
        studies=int(manifest["exam_id"].nunique()),
        images=len(manifest),
        labelled=int((manifest["label"] != "").sum()),
        known=len(studies) - len(todo),
        problems=tuple(problems),
        left=len(todo) - done,
        why_stopped=stopped,
    )


def _report_at(
    report: Report, done: int, studies: int, which: str, _: int, of: int, message: str
) -> None:
    """Within a study, as far as studies go."""
    report(done, studies, f"{which}: {message}")


class _Taken:
    """What was fetched so far, against the limits."""

    def __init__(self, limits: PullLimits) -> None:
        self._limits = limits
        self._images = 0
        self._bytes = 0

    def count(self, *, images: int = 0, size: int = 0) -> None:
        self._images += images
        self._bytes += size
        if self._images > self._limits.images or self._bytes > self._limits.megabytes * MEGABYTE:
            raise ArchiveAwayError(
                f"The limit is reached: {self._limits.images:,} images or "
                f"{self._limits.megabytes:,} MB at a time. Raise --most-images or "
                "--most-megabytes."
            )


def _pull(
    client: ArchiveClient, study: FoundStudy, out: Path, taken: _Taken, *, report: Report
) -> dict[str, Any]:
    """One study's pictures on the disk, and what is written down of it."""
    report(0, 0, "Asking for its images")
    chosen = client.find_images(study.uid, expected=study.images)
    taken.count(images=len(chosen.images))
    rows, refused = [], [chosen.missing] * bool(chosen.missing)
    with Spool() as spool:
        fetch_images(client, study.uid, chosen.images, spool, report=report)
        taken.count(size=spool.size)
        for done, content in enumerate(spool):
            report(done, len(spool), f"Reading {done + 1} of {len(spool)}")
            try:
                rows.append(_kept(mask_outside_breast(read_mammogram(content)), study, out))
            except ReadError as error:
                if error.code == "no_reader":
                    raise ArchiveAwayError(str(error)) from None
                refused.append(error.sentence)
    if not rows:
        raise ArchiveError(
            f"none of its {len(chosen.images)} images could be read; left out. {refused[-1]}"
        )
    whose = {"day": study.day, "accession": study.accession, "study": study.uid}
    return {
        "exam": _exam_id(study),
        "whose": seal(json.dumps(whose)),
        "rows": rows,
        "refused": refused,
    }


def _kept(mammogram: Mammogram, study: FoundStudy, out: Path) -> dict[str, str]:
    """Its picture written; its row, without label and days."""
    ref, info, exam = mammogram.ref, mammogram.info, _exam_id(study)
    if ref.exam_id != exam:
        raise ArchiveError("the archive answered with an image of another study; left out.")
    path = f"{_PICTURES}/{exam}_{ref.image_id}.png"
    replace_file(out / path, _png(mammogram))
    return {
        "image_id": ref.image_id,
        "path": path,
        "patient_id": ref.patient_id or "",
        "exam_id": exam,
        "side": str(ref.side or ""),
        "view": str(ref.view or ""),
        "spacing_mm": f"{info.spacing_mm[0]:g}" if info.spacing_mm else "",
        "bits": str(info.bits),
    }


def _png(mammogram: Mammogram) -> bytes:
    """As it is shown, 16 bits deep: what every model here is given."""
    levels = np.rint(np.clip(mammogram.pixels, 0, 1) * _LEVELS).astype(np.uint16)
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _exam_id(study: FoundStudy) -> str:
    """As the reader makes it of the file itself."""
    return keyed_id(own_key(), "exam", study.uid.encode())


def _labels_in(manifest: Path) -> dict[str, str]:
    """By image; none where nothing was pulled before."""
    if not manifest.exists():
        return {}
    table = read_table(manifest, what="manifest")
    return dict(zip(table["image_id"].astype(str), table["label"].fillna(""), strict=True))


def _manifest(out: Path, labels: Labels | None) -> pd.DataFrame:
    """Of all that was pulled into `out`, in this go and before."""
    rows, before = [], {} if labels else _labels_in(out / MANIFEST)
    for one in {str(one.get("exam")): one for one in read_lines(out / STATE_FILE)}.values():
        whose = json.loads(unseal(str(one["whose"])))
        for row in one["rows"]:
            image = row["image_id"]
            label = labels.label_of(whose, row["side"]) if labels else before.get(image, "")
            rows.append({**row, "label": label, "day": whose["day"]})
    table = pd.DataFrame(rows, columns=[*_COLUMNS, "day"]).drop_duplicates("image_id")
    days = pd.to_datetime(table["day"], format="%Y%m%d", errors="coerce")
    women = table["patient_id"].replace("", pd.NA)  # those of nobody known are not one woman's
    first = days.groupby(women).transform("min")
    table["days_since_first"] = (days - first).dt.days.astype("Int64")
    return table.drop(columns="day")
