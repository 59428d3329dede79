"""One look at every file of a data set, and the copies among them: what every check of the audit is
given.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from mammo_core.datasets.audit.memory import VERSION, LookMemory, known_place
from mammo_core.datasets.dataset import Dataset
from mammo_core.datasets.duplicates import (
    SIDE,
    Fingerprints,
    find_copies,
    fingerprint,
    group_copies,
    join_fingerprints,
)
from mammo_core.datasets.small_images import GREY, grey_levels
from mammo_core.errors import ReadError
from mammo_core.files import cache_root
from mammo_core.places.cluster import hands_on
from mammo_core.places.pieces import CHUNK, PIECES, in_chunks, kept_piece
from mammo_core.preprocessing.breast import find_breast, is_chest_wall_right
from mammo_core.preprocessing.judge import reduced
from mammo_core.preprocessing.reading import limits
from mammo_core.preprocessing.reading.read import read_mammogram, read_whole
from mammo_core.tables import positive_of
from mammo_core.types import Mammogram, Pixels, Task, Unfit

THREADS: Final = 2
_AT_ONCE: Final = 32  # files, before anybody is told and asked whether to go on
_TURNED: Final = "was turned inside out"  # what the readers note of such images
_DECLARED: Final = "MONOCHROME1 was turned"
_ASTRAY: Final = "background is bright although"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """`table` has one row per path, in the order asked; `prints` those of its readable rows."""

    table: pd.DataFrame
    prints: Fingerprints

    @property
    def readable(self) -> pd.DataFrame:
        return self.table[self.table["error"].isna()]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    row: dict[str, Any]
    print: Fingerprints | None


def gather_facts(
    root: Path,
    paths: Sequence[str],
    *,
    report: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    memory: LookMemory | None = None,
) -> Facts:
    """Look at every file that `memory` does not know as it lies there now.

    Where `should_stop` turns true the rest is left out. Files are taken in an order that is
    random but fixed, so that what was seen until then is a fair sample.
    """
    memory = memory or LookMemory()
    files = {path: root / path for path in paths}
    known = memory.of_files(list(files.values()))
    looks = {path: _recalled(path, *known[files[path]]) for path in paths if files[path] in known}
    order = list(paths)
    np.random.default_rng(0).shuffle(order)  # all, so that what is left goes in the same chunks
    left = [path for path in order if path not in looks]
    report(len(looks), len(paths))
    size = CHUNK if hands_on() else _AT_ONCE
    chunks = [left[start : start + size] for start in range(0, len(left), size)]
    look = in_chunks(_look_on_cluster, root, chunks) if hands_on() else _here(root, chunks, memory)
    with closing(look):
        for chunk in chunks:
            if should_stop():
                break
            some = dict(zip(chunk, next(look), strict=True))
            _keep(memory, {files[path]: look for path, look in some.items()})
            looks.update(some)
            report(len(looks), len(paths))
    seen = [looks[path] for path in paths if path in looks]
    table = pd.DataFrame([look.row for look in seen], columns=_columns())
    prints = join_fingerprints([look.print for look in seen if look.print is not None])
    return Facts(table=_typed(table), prints=prints)


def _here(
    root: Path, chunks: Iterable[Sequence[str]], memory: LookMemory
) -> Generator[list[_Look], None, None]:
    with ThreadPoolExecutor(THREADS) as pool:
        for chunk in chunks:
            yield list(pool.map(lambda path: _look_at(root / path, path, root, memory), chunk))


def _look_on_cluster(root: Path, chunk: Sequence[str]) -> list[_Look]:
    """Kept as a piece: the one memory of this computer is no file for many machines to write."""

    def make() -> bytes:
        looks = [_look_at(root / path, path, root) for path in chunk]
        return json.dumps([(look.row, _to_bytes(look.print).hex()) for look in looks]).encode()

    def lasts(made: bytes) -> bool:
        return all(row.get("code") not in _PASSING for row, _ in json.loads(made))

    places = [known_place(root / path) or "absent" for path in chunk]
    kept = kept_piece(cache_root() / PIECES, ("look", str(VERSION), *places), make, lasts=lasts)
    return [
        _recalled(path, row, bytes.fromhex(prints))
        for path, (row, prints) in zip(chunk, json.loads(kept), strict=True)
    ]


#: Refusals that say something of this machine at this moment, not of the file.
_PASSING: Final = ("no_file", "no_plain_file", "outside", *limits.PASSING)


def _keep(memory: LookMemory, looks: Mapping[Path, _Look]) -> None:
    memory.keep(
        {
            file: (look.row["content"], (look.row, _to_bytes(look.print)))
            for file, look in looks.items()
            if look.row.get("code") not in _PASSING
        }
    )


def _recalled(path: str, row: dict[str, Any], prints: bytes) -> _Look:
    return _Look(row={**row, "path": path}, print=_from_bytes(prints))


def _to_bytes(prints: Fingerprints | None) -> bytes:
    return b"" if prints is None else prints.words.tobytes() + prints.details.tobytes()


def _from_bytes(kept: bytes) -> Fingerprints | None:
    if not kept:
        return None
    words = np.frombuffer(kept[:_WORDS], dtype=np.uint64).reshape(1, -1)
    details = np.frombuffer(kept[_WORDS:], dtype=np.int8).reshape(1, SIDE, SIDE)
    return Fingerprints(words=words, details=details)


_WORDS: Final = 64  # bytes of a fingerprint's words; its details follow


def _columns() -> list[str]:
    return [
        *("path", "error", "code", "content", "kind", "bits", "height", "width"),
        *("is_turned", "is_declared", "is_astray", "is_mask", "is_blank", "wall", *GREY),
    ]


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    text = dict.fromkeys(("path", "error", "code", "content", "kind", "wall"), "string")
    flags = dict.fromkeys(
        ("is_turned", "is_declared", "is_astray", "is_mask", "is_blank"), "boolean"
    )
    counts = dict.fromkeys(("bits", "height", "width"), "Int64")
    return table.astype({**text, **flags, **counts, **dict.fromkeys(GREY, "Float64")})


def _look_at(file: Path, path: str, root: Path, memory: LookMemory | None = None) -> _Look:
    row: dict[str, Any] = {"path": path}
    try:
        data = read_whole(file, inside=root)
    except ReadError as error:
        return _Look(row={**row, "code": error.code, "error": error.sentence}, print=None)
    row["content"] = hashlib.sha256(data).hexdigest()
    known = memory.of_content(row["content"]) if memory else None
    if known is not None:
        return _recalled(path, *known)
    try:
        mammogram = read_mammogram(data)
    except ReadError as error:
        return _Look(row={**row, "code": error.code, "error": error.sentence}, print=None)
    return _Look(row={**row, **_describe(mammogram)}, print=fingerprint(mammogram.pixels))


def _describe(mammogram: Mammogram) -> dict[str, object]:
    pixels = mammogram.pixels
    small = reduced(pixels)
    unfit = mammogram.info.unfit
    return {
        "kind": mammogram.info.kind,
        "bits": mammogram.info.bits,
        "height": mammogram.size[0],
        "width": mammogram.size[1],
        "is_turned": _is_noted(mammogram, _TURNED),
        "is_declared": _is_noted(mammogram, _DECLARED),
        "is_astray": _is_noted(mammogram, _ASTRAY),
        "is_mask": unfit is Unfit.MASK,
        "is_blank": unfit is Unfit.BLANK,
        "wall": None if unfit else _wall_of(small),
        **grey_levels(small),
    }


def _is_noted(mammogram: Mammogram, words: str) -> bool:
    return any(words in note for note in mammogram.notes)


def _wall_of(small: Pixels) -> str | None:
    """On which side of the frame the chest wall lies; unknown where no outline is found."""
    try:
        mask = find_breast(small)
    except ReadError:
        return None
    if mask.all():
        return None
    return "R" if is_chest_wall_right(mask) else "L"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditEvidence:
    """`images` is the manifest with the facts of each file beside it, `positive`, and `copy_group`:
    equal numbers are copies of one image, missing where there is no copy.
    """

    dataset: Dataset
    images: pd.DataFrame

    @property
    def task(self) -> Task:
        return self.dataset.label_rule.task

    @property
    def boxes(self) -> pd.DataFrame:
        return self.dataset.boxes

    @property
    def people(self) -> str:
        """What a group of the data set is: women, where all are known."""
        told = self.images["patient_id"].notna()
        if told.all():
            return "women"
        return "women or single images" if told.any() else self.groups

    @property
    def groups(self) -> str:
        """What keeps images together where no woman is known."""
        if self.images["exam_id"].notna().all():
            return "exams"
        is_grouped = self.images["group_id"].duplicated().any()
        return "groups of images" if is_grouped else "single images"

    def told(self, column: str) -> bool:
        """Whether any image tells this column."""
        return column in self.images and bool(self.images[column].notna().any())


def gather_evidence(dataset: Dataset, facts: Facts, pairs: pd.DataFrame) -> AuditEvidence:
    """Lay facts and copies beside the manifest; several rows may speak of one file."""
    manifest = dataset.manifest.reset_index(drop=True)
    images = manifest.merge(facts.table.drop_duplicates("path"), on="path", how="left")
    images["positive"] = positive_of(images["label"], dataset.label_rule.task)
    groups = group_copies(pairs, len(facts.readable))
    group_of = pd.Series(groups, index=pd.Index(facts.readable["path"]))
    is_copied = group_of.duplicated(keep=False)
    images["copy_group"] = images["path"].map(group_of[is_copied]).astype("Int64")
    return AuditEvidence(dataset=dataset, images=images)


def search_copies(facts: Facts) -> pd.DataFrame:
    """Pairs of copies among the readable files, by their place among them. Masks are all alike.

    Files of the same bytes are each paired with the first of them only: of 20,000 such files there
    are 200 million pairs.
    """
    readable = facts.readable.reset_index(drop=True)
    is_image = ~(readable["is_mask"] | readable["is_blank"]).to_numpy(dtype=bool)
    images = readable[is_image]
    is_repeated = images["content"].duplicated()
    single = images.index[~is_repeated].to_numpy()
    pairs = find_copies(
        Fingerprints(words=facts.prints.words[single], details=facts.prints.details[single])
    )
    first_of = pd.Series(single, index=images.loc[single, "content"])
    repeated = images[is_repeated]
    same = pd.DataFrame(
        {
            "first": first_of.loc[repeated["content"]].to_numpy(),
            "second": repeated.index.to_numpy(),
            "correlation": 1.0,
        }
    )
    near = pairs.assign(first=single[pairs["first"]], second=single[pairs["second"]])
    return pd.concat([same, near[["first", "second", "correlation"]]], ignore_index=True)
