"""The cases a reader has opened, kept so that a reload or a restart loses nothing: what was read of
each image, and what the reader has corrected.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mammo_core.errors import ConfigError, MammoError, ReadError
from mammo_core.files import locked, replace_file, scratch_beside, sync_folder, told_of_disk
from mammo_core.preprocessing.pixel_files import (
    KINDS,
    KeptImage,
    array_file,
    kept_images,
    load_array,
    load_image,
    save_array,
)
from mammo_core.records import from_document, to_document
from mammo_core.types import ImageInfo, ImageRef, Laterality, Mammogram, Size, View
from mammo_core.words import many

DAY_SECONDS: Final = 24 * 3600
_CASE_ID: Final = re.compile(r"[0-9a-f]{64}")
UNDO_SECONDS: Final = 60
_ASIDE: Final = ".forgotten"
_CASE: Final = "case.json"
_LOG: Final = logging.getLogger("mammoscope")
_SAME_IMAGE: Final = "same_image"
_GONE: Final = (
    "This case is no longer kept: it was forgotten, or its time was over. Open the images again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseImage:
    """One image of a case: what was read, and what the reader corrected by hand."""

    number: int  # 1, 2, 3, ... in the order the files came
    info: ImageInfo
    size: Size
    corrected: tuple[str, ...] = ()  # "side", "view": said by the reader, not by the file
    decoding_seconds: float | None = None  # of the file; None where nobody has timed it
    masking_seconds: float | None = None
    name: str = ""  # what the reader's computer calls the file: in memory alone, never written

    @property
    def ref(self) -> ImageRef:
        return self.info.ref

    @property
    def title(self) -> str:
        """ "R CC", or what is known of it."""
        known = [str(part) for part in (self.ref.side, self.ref.view) if part]
        return " ".join(known) or self.name or f"Image {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A file that was not read, and why. `number` is its place among the files that came."""

    number: int
    code: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    case_id: str
    images: tuple[CaseImage, ...]
    refusals: tuple[Refusal, ...]
    kept_until: float  # seconds since 1970

    @property
    def files(self) -> int:
        """How many files came."""
        return len(self.images) + len(self.refusals)

    @property
    def unread(self) -> tuple[Refusal, ...]:
        """The files that are missing from it: not those that came twice."""
        return tuple(one for one in self.refusals if one.code != _SAME_IMAGE)

    @property
    def unread_in_words(self) -> str:
        """How many, and why; "" where nothing is missing."""
        if not self.unread:
            return ""
        count = many(len(self.images) + len(self.unread), "image", "images")
        why = dict.fromkeys(one.sentence for one in self.unread)
        return " ".join((f"{len(self.unread)} of {count} could not be read.", *why))

    def image(self, image_id: str) -> CaseImage:
        return next(image for image in self.images if image.ref.image_id == image_id)


def store_case(
    files: Sequence[bytes],
    root: Path,
    *,
    keep: Callable[[bytes, Path], KeptImage],
    now: float,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Case:
    """Keep `files` as one case; one that cannot be read becomes a refusal. `keep` reads a file and
    writes its pixels to files that begin as it is told.
    """
    hashes = [hashlib.sha256(content).hexdigest() for content in files]
    case_id = hashlib.sha256("".join(sorted(set(hashes))).encode()).hexdigest()
    with _alone_with(root, case_id):
        if (stored := _stored_whole(root, case_id, set(hashes), now=now)) is not None:
            kept = replace(
                _in_order(stored, hashes), kept_until=max(stored.kept_until, now + DAY_SECONDS)
            )
            _write(kept, root)
            return kept
        with _made_whole(root, case_id) as scratch:
            images, refusals = _read_into(scratch, files, hashes, keep=keep, report=report)
            case = Case(
                case_id=case_id,
                images=images,
                refusals=refusals,
                kept_until=now + DAY_SECONDS,
            )
            replace_file(scratch / _CASE, json.dumps(to_document(case)) + "\n")
    return case


def _read_into(
    folder: Path,
    files: Sequence[bytes],
    hashes: Sequence[str],
    *,
    keep: Callable[[bytes, Path], KeptImage],
    report: Callable[[int, int], None],
) -> tuple[tuple[CaseImage, ...], tuple[Refusal, ...]]:
    images: dict[str, CaseImage] = {}
    refusals = []
    with kept_images(dict(zip(hashes, files, strict=True)), folder, keep=keep) as kept:
        for number, digest in enumerate(hashes, start=1):
            report(number - 1, len(files))
            if digest in images:
                refusals.append(_same_image(number, images[digest].number))
            elif isinstance(read := kept(digest), Exception):
                refusals.append(_refusal(number, read))
            else:
                images[digest] = CaseImage(
                    number=number,
                    info=replace(read.info, ref=replace(read.info.ref, image_id=digest)),
                    size=read.size,
                    decoding_seconds=read.decoding_seconds,
                    masking_seconds=read.masking_seconds,
                )
    return tuple(images.values()), tuple(refusals)


def _refusal(number: int, error: Exception) -> Refusal:
    if isinstance(error, ReadError):
        return Refusal(number=number, code=error.code, sentence=error.sentence, hint=error.hint)
    return Refusal(
        number=number,
        code="damaged",
        sentence=f"This file could not be read ({type(error).__name__}).",
        hint="Export it again from where it came.",
    )


def load_case(root: Path, case_id: str, *, now: float | None = None) -> Case:
    """The case of that id. Only 64 hex digits are an id; anything else never touches the disk."""
    _check_id(case_id)
    try:
        document = json.loads((root / case_id / _CASE).read_text(encoding="utf-8"))
        for image in document["images"]:
            if "info" not in image:  # kept by an earlier version
                names = {field.name for field in fields(ImageInfo)} & image.keys()
                image["info"] = {name: image.pop(name) for name in names}
        case = from_document(document, Case, where=_CASE)
    except FileNotFoundError:
        raise MammoError(_GONE) from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, ConfigError):
        raise MammoError("What was kept of this case is damaged. Open the images again.") from None
    if (time.time() if now is None else now) > case.kept_until:
        raise MammoError(_GONE)
    return case


def load_mammogram(root: Path, case: Case, image: CaseImage) -> Mammogram:
    """One image of `case` with its pixels, side and view as corrected."""
    return load_image(root / case.case_id / image.ref.image_id, image.info)


def load_grey(
    root: Path, case: Case, image: CaseImage, *, grey: Callable[[Mammogram], NDArray[np.uint16]]
) -> NDArray[np.uint16]:
    """Every pixel as it is shown before any window, as it lies on the disk: what is looked at is
    read. Where the file had no such values of its own they are made by `grey`, once.
    """
    stem = root / case.case_id / image.ref.image_id
    wide, made = (array_file(stem, kind) for kind in ("wide", "grey"))
    if wide.exists():
        return load_array(wide)
    with suppress(MammoError):  # not made yet, or a power cut left half of it
        return load_array(made)
    save_array(made, grey(load_mammogram(root, case, image)))
    return load_array(made)


def correct_image(
    root: Path,
    case_id: str,
    image_id: str,
    *,
    change: Callable[[ImageRef], ImageRef],
    note: str = "",
) -> Case:
    """One image as the reader says; what differs from the file is marked as set by hand, or
    explained by a `note` where it comes from elsewhere.

    The case is read anew: another tab may have corrected another image meanwhile.
    """
    with _alone_with(root, case_id):
        case = load_case(root, case_id)
        old = case.image(image_id)
        ref = change(old.ref)
        changed = {key for key in ("side", "view") if getattr(ref, key) != getattr(old.ref, key)}
        if note:
            new = replace(old, info=replace(old.info, ref=ref, notes=(*old.info.notes, note)))
        else:
            by_hand = tuple(sorted({*old.corrected, *changed}))
            new = replace(old, info=replace(old.info, ref=ref), corrected=by_hand)
        corrected = replace(case, images=tuple(new if i is old else i for i in case.images))
        _write(corrected, root)
    return corrected


def with_names(case: Case, names: Mapping[str, str]) -> Case:
    """`case` for the screen: images called as the reader's computer calls their files, where
    neither side nor view is known. `names` are by image id.
    """
    return replace(
        case,
        images=tuple(
            replace(image, name=names.get(image.ref.image_id, "")) for image in case.images
        ),
    )


def regroup_images(
    root: Path, parts: Sequence[tuple[Case, Sequence[CaseImage]]], *, now: float
) -> Case:
    """A case of these images of kept cases, numbered anew; the old ones stay. One that is there
    already keeps what the reader has said of it.
    """
    sources = {image.ref.image_id: case.case_id for case, some in parts for image in some}
    case_id = hashlib.sha256("".join(sorted(sources)).encode()).hexdigest()
    with _alone_with(root, case_id, *sources.values()):
        kept = {one: load_case(root, one, now=now) for one in sources.values()}
        until = max(now + DAY_SECONDS, *(case.kept_until for case in kept.values()))
        if (stored := _stored_whole(root, case_id, set(sources), now=now)) is not None:
            made = replace(stored, kept_until=max(stored.kept_until, until))
            _write(made, root)
            return made
        images = [kept[source].image(image_id) for image_id, source in sources.items()]
        made = Case(
            case_id=case_id,
            images=tuple(replace(image, number=n) for n, image in enumerate(images, start=1)),
            refusals=(),
            kept_until=until,
        )
        with _made_whole(root, case_id) as scratch, told_of_disk(root):
            for image_id, source in sources.items():
                _copy_pixels(root / source, scratch, image_id)
            replace_file(scratch / _CASE, json.dumps(to_document(made)) + "\n")
    return made


def _copy_pixels(source: Path, target: Path, image_id: str) -> None:
    files = [array_file(source / image_id, kind) for kind in KINDS]
    if not files[0].exists():
        raise MammoError(_GONE)
    for file in filter(Path.exists, files):
        shutil.copyfile(file, target / file.name)


def keep_case(root: Path, case_id: str, *, until: float, now: float | None = None) -> Case:
    """Keep the case at least until then."""
    with _alone_with(root, case_id):
        case = load_case(root, case_id, now=now)
        kept = replace(case, kept_until=max(case.kept_until, until))
        _write(kept, root)
    return kept


def sync_case(root: Path, case_id: str) -> None:
    """Not even a power cut loses the case after this: whoever drops what it was made of asks."""
    folder = root / case_id
    for file in folder.iterdir():
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
    for each in (folder, root, root.parent):
        sync_folder(each)


def forget_case(root: Path, case: Case, *, now: float) -> None:
    """Out of reach at once; for a minute it can be brought back, then it is deleted."""
    with _alone_with(root, case.case_id):
        folder, aside = root / case.case_id, _aside(root, case.case_id)
        shutil.rmtree(aside, ignore_errors=True)
        if folder.is_dir():
            folder.rename(aside)
            os.utime(aside, (now, now))


def bring_back_case(root: Path, case_id: str, *, now: float) -> Case:
    """The case that was forgotten within the last minute."""
    with _alone_with(root, case_id):
        aside = _aside(root, case_id)
        if not aside.is_dir() or _is_gone(aside, now):
            raise MammoError("This case was forgotten over a minute ago. Open the images again.")
        _drop(root / case_id)
        aside.rename(root / case_id)
    return load_case(root, case_id, now=now)


def forget_old_cases(root: Path, *, now: float | None = None) -> int:
    """Delete every case whose time is over, those set aside over a minute ago, and what a crash
    left half-written; how many. What cannot be deleted is logged.
    """
    now = time.time() if now is None else now
    forgotten = 0
    for folder in root.glob("*"):
        try:
            forgotten += _forget_if_old(folder, now)
        except FileNotFoundError:
            continue  # another session was quicker
        except OSError as error:  # the others' time is over all the same
            _LOG.warning("%s in the cases cannot be deleted: %s", folder.name, error.strerror)
    return forgotten


def _forget_if_old(folder: Path, now: float) -> bool:
    is_aside = folder.suffix == _ASIDE and bool(_CASE_ID.fullmatch(folder.stem))
    if not is_aside and not _CASE_ID.fullmatch(folder.name):
        if folder.suffix == ".tmp" and now - folder.stat().st_mtime > DAY_SECONDS:
            _remove(folder)
        return False
    is_old = _is_gone(folder, now) if is_aside else _is_over(folder, now)
    if is_old:
        _drop(folder)
    return is_old


def _aside(root: Path, case_id: str) -> Path:
    return root / f"{case_id}{_ASIDE}"


def _is_gone(aside: Path, now: float) -> bool:
    return now - aside.stat().st_mtime > UNDO_SECONDS


@contextmanager
def _alone_with(root: Path, *case_ids: str) -> Iterator[None]:
    """One session at a time changes a case. A few locks are shared by all: none is ever deleted.
    Several are taken in one order by everybody, so that no two sessions wait for each other.
    """
    for case_id in case_ids:
        _check_id(case_id)
    with ExitStack() as held:
        for name in sorted({case_id[:2] for case_id in case_ids}):
            held.enter_context(locked(root.parent / f".{root.name}.locks" / name))
        yield


@contextmanager
def _made_whole(root: Path, case_id: str) -> Iterator[Path]:
    """A folder to be filled, which then is the case: it is whole or not there."""
    scratch = scratch_beside(root / case_id)
    with told_of_disk(root):
        scratch.mkdir(parents=True)
    try:
        yield scratch
        _drop(root / case_id)
        scratch.rename(root / case_id)
    finally:
        _remove(scratch)


def _check_id(case_id: str) -> None:
    if not _CASE_ID.fullmatch(case_id):
        raise MammoError("This link does not name a case. Open the images again.")


def _drop(folder: Path) -> None:
    """At once for all who look for it, and then file by file."""
    gone = scratch_beside(folder)
    with suppress(FileNotFoundError):
        folder.rename(gone)
    _remove(gone)


def _remove(folder: Path) -> None:
    """Or say in the log that pixels may still lie there; after a day it is tried again."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _LOG.warning("%s in the cases cannot be deleted whole; pixels may be left", folder.name)


def _in_order(case: Case, hashes: Sequence[str]) -> Case:
    """`case` as if its files had come in this order: by it the reader's names of them are known."""
    first = {digest: number for number, digest in reversed([*enumerate(hashes, start=1)])}
    images = [replace(image, number=first[image.ref.image_id]) for image in case.images]
    again = [(n, first[digest]) for n, digest in enumerate(hashes, start=1) if first[digest] < n]
    return replace(
        case,
        images=tuple(sorted(images, key=lambda image: image.number)),
        refusals=tuple(_same_image(number, earlier) for number, earlier in again),
    )


def _stored_whole(root: Path, case_id: str, hashes: set[str], *, now: float) -> Case | None:
    """The case as stored, if nothing of it is missing; a refusal may have had a passing cause."""
    try:
        case = load_case(root, case_id, now=now)
        for image in case.images:
            load_mammogram(root, case, image)
    except MammoError:
        return None
    is_whole = {image.ref.image_id for image in case.images} == hashes
    return case if is_whole and all(r.code == _SAME_IMAGE for r in case.refusals) else None


def _same_image(number: int, first: int) -> Refusal:
    return Refusal(
        number=number,
        code=_SAME_IMAGE,
        sentence=f"It is the same as file {first}.",
        hint="It is shown once.",
    )


def _is_over(folder: Path, now: float) -> bool:
    try:
        document = json.loads((folder / _CASE).read_text(encoding="utf-8"))
        return bool(now > document["kept_until"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return folder.exists() and now - folder.stat().st_mtime > DAY_SECONDS


def _write(case: Case, root: Path) -> None:
    nameless = replace(case, images=tuple(replace(image, name="") for image in case.images))
    try:
        replace_file(root / case.case_id / _CASE, json.dumps(to_document(nameless)) + "\n")
    except FileNotFoundError:
        raise MammoError(_GONE) from None


def place_case(
    root: Path,
    case: Case,
    places: Mapping[str, tuple[str | None, str | None]],
    *,
    note: str,
) -> None:
    """Give images of `case` the sides and views that a table knows and their files do not store;
    `places` are by image id.
    """
    for image in case.images:
        side, view = places.get(image.ref.image_id, (None, None))
        found = replace(
            image.ref,
            side=image.ref.side or (Laterality(side) if side else None),
            view=image.ref.view or (View(view) if view else None),
        )
        if found == image.ref:
            continue

        def placed(_: ImageRef, found: ImageRef = found) -> ImageRef:
            return found

        correct_image(root, case.case_id, image.ref.image_id, change=placed, note=note)
