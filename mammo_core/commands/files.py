"""`mammo inspect`, `predict`: what files are, and how a checkpoint scores them."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, printable, say, say_aside
from mammo_core.errors import ConfigError, ReadError
from mammo_core.files import replace_file
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, find_checkpoint
from mammo_core.types import Mammogram, Unfit
from mammo_core.words import many

if TYPE_CHECKING:
    from mammo_core.inference.checkpoint import Checkpoint
    from mammo_core.inference.many_files import Found, ScoredFile, SheetRow

_TELL_EVERY_SECONDS: Final = 2.0
_INTERRUPTED: Final = 130  # as shells have it: 128 and the number of the signal


def _add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "places", nargs="+", type=Path, metavar="FILE_OR_DIR", help="mammograms of any kind"
    )
    parser.add_argument(
        "--checkpoint", required=True, metavar="NAME", help="a checkpoint's name or folder"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="CSV",
        help="write the scores there; run the same again after an interruption to go on. It holds "
        "the names of the files",
    )
    parser.add_argument("--fast", action="store_true", help="bf16; see `mammo checkpoints check`")


def _run_predict(arguments: argparse.Namespace) -> int:
    from mammo_core.inference.checkpoint import load_checkpoint
    from mammo_core.inference.many_files import (
        ScoreSheet,
        find_files,
        refuse_pairs,
        to_heading,
        to_line,
    )

    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise ConfigError(f"There is no folder {arguments.out.parent} to write to.")
    files = find_files(arguments.places)
    checkpoint = load_checkpoint(folder_of(arguments.checkpoint), device="auto")
    refuse_pairs(checkpoint.card)
    classes = checkpoint.card.task.classes
    sheet = ScoreSheet(arguments.out, classes) if arguments.out else None
    known = sheet.scored if sheet else set()
    scored = _scored(
        checkpoint, files, is_fast=arguments.fast, is_known=lambda row: row.key in known
    )
    if sheet:
        sheet.start()
    else:
        print(to_heading(classes), end="")
    # Gone through once more, for there may be more files than memory has room for.
    tally = _Tally(sum(1 for _ in find_files(arguments.places)))
    try:
        for some in scored:
            rows = [one.row for one in some if one.row is not None]
            if sheet:
                sheet.add(rows)
            else:
                print("".join(to_line(row) for row in rows if row.score), end="", flush=True)
            tally.count(some)
    except KeyboardInterrupt:
        tally.close()
        say_aside("Stopped." + (" The same command goes on from here." if sheet else ""))
        return _INTERRUPTED
    tally.close()
    for sentence in checkpoint.card.limits:
        say_aside(sentence)
    return 1 if tally.refused else 0


def _scored(
    checkpoint: "Checkpoint",
    files: "Iterable[Found]",
    *,
    is_fast: bool,
    is_known: "Callable[[SheetRow], bool]",
) -> "Iterator[list[ScoredFile]]":
    """By this computer, or by all machines of the cluster that this process was started by."""
    from mammo_core.inference.engine import open_engine
    from mammo_core.inference.in_pieces import score_files_in_pieces
    from mammo_core.inference.many_files import score_files
    from mammo_core.places.cluster import hands_on

    if hands_on():
        return score_files_in_pieces(checkpoint, files, is_fast=is_fast, is_known=is_known)
    engine = open_engine(checkpoint, is_fast=is_fast, tell=say_aside)
    if engine.note:
        say_aside(engine.note)
    return score_files(checkpoint.card, engine, files, is_known=is_known)


class _Tally:
    """Counts what became of the files, and says it on stderr while it grows."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._scored = 0
        self._known = 0
        self._no_images = 0
        self._notes: dict[str, int] = {}
        self._started = self._told = time.monotonic()
        self.refused = 0
        self._unfit: dict[Unfit, int] = {}

    def count(self, some: "Sequence[ScoredFile]") -> None:
        for one in some:
            self._done += 1
            self._known += one.is_known
            self._no_images += one.is_no_image
            if one.row is None:
                continue
            if one.row.problem:
                self.refused += 1
                if one.unfit is not None:
                    self._unfit[one.unfit] = self._unfit.get(one.unfit, 0) + 1
                say_aside(f"{one.row.file}: {one.row.problem}")
            else:
                self._scored += 1
            if one.row.note:
                self._notes[one.row.note] = self._notes.get(one.row.note, 0) + 1
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_SECONDS:
            self._told = now
            rate = self._scored / (now - self._started)
            say_aside(f"{self._done} of {self._total} files, {rate:.1f} scored a second")

    def close(self) -> None:
        told = [f"{many(self._scored, 'image', 'images')} scored"]
        for count, words in (
            (self._known, "scored before"),
            (self.refused, "refused"),
            (self._no_images, "no image"),
        ):
            if count:
                told.append(f"{count} {words}")
        say_aside(", ".join(told) + f", of {many(self._total, 'file', 'files')}.")
        if self._unfit:
            kinds = ", ".join(f"{count} {unfit}" for unfit, count in self._unfit.items())
            images = self._scored + self._known + sum(self._unfit.values())
            say_aside(
                f"{sum(self._unfit.values())} of {many(images, 'image', 'images')} not scored, for "
                f"they are no mammograms: {kinds}."
            )
        for note, count in self._notes.items():
            say_aside(f"{many(count, 'image', 'images')}: {note}")


def folder_of(name: str) -> Path:
    """A checkpoint's folder as given, else that of the checkpoint of that name."""
    if (Path(name) / "model_card.json").exists():
        return Path(name)
    run = find_checkpoint(name)
    _refuse_ensemble(run)
    return run.path


def _refuse_ensemble(run: "RunFolder") -> None:
    from mammo_core.metrics.ensemble import Averaging, load_ensemble

    if not run.is_ensemble:
        return
    ensemble = load_ensemble(run.file(MEMBERS_NAME))
    members = ", ".join(member.run_id for member in ensemble.members)
    page = " The Read page scores with all of them."
    raise ConfigError(
        f"{run.run_id} is an ensemble, and this command takes one model. Name one of its members "
        f"({members}).{'' if ensemble.method is Averaging.OUT_OF_FOLD else page} For a whole data "
        "set: `mammo evaluate` with each member, then `mammo ensemble`."
    )


PREDICT = Command(
    name="predict",
    summary="score images and whole folders with a checkpoint",
    add_arguments=_add_predict_arguments,
    run=_run_predict,
)


_HEADINGS: Final = ("file", "kind", "rows x columns", "bits", "side", "view", "mm per pixel")


def _add_inspect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="images of any kind")
    parser.add_argument(
        "--filters",
        type=Path,
        metavar="OUT.png",
        help="also write the image and the three filters side by side (one FILE only)",
    )


def _run_inspect(arguments: argparse.Namespace) -> int:
    from mammo_core.preprocessing.reading.read import read_mammogram

    if arguments.filters and len(arguments.files) != 1:
        raise ConfigError(
            f"--filters makes a picture of one image, but {len(arguments.files)} files were given."
        )
    rows: list[Sequence[str]] = [_HEADINGS]
    remarks: list[Sequence[str]] = [()]
    refused = 0
    for file in arguments.files:
        try:
            mammogram = read_mammogram(file)
        except ReadError as error:
            rows.append((printable(str(file)), "refused"))
            remarks.append([f"{error} [{error.code}]"])
            refused += 1
        else:
            rows.append((printable(str(file)), *_described(mammogram)))
            remarks.append([*mammogram.info.modifiers, *mammogram.notes])
            if arguments.filters:
                _write_filters(mammogram, arguments.filters)
    for line in _table(rows, remarks):
        say(line)
    return 1 if refused else 0


def _write_filters(mammogram: Mammogram, path: Path) -> None:
    from mammo_core.preprocessing.prepare import filters_png

    if not path.parent.is_dir():
        raise ConfigError(f"There is no folder {path.parent} to write {path.name} to.")
    replace_file(path, filters_png(mammogram.pixels))


def _described(mammogram: Mammogram) -> tuple[str, ...]:
    height, width = mammogram.size
    info, ref = mammogram.info, mammogram.ref
    spacing = "unknown"
    if info.spacing_mm is not None:
        row, column = info.spacing_mm
        spacing = f"{row:g}" if row == column else f"{row:g} x {column:g}"
        spacing += " (at the detector)" if info.is_spacing_at_detector else ""
    return (
        info.kind,
        f"{height} x {width}",
        str(info.bits),
        ref.side or "unknown",
        ref.view or "unknown",
        spacing,
    )


def _table(rows: list[Sequence[str]], remarks: list[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be, and each file's remarks below its row."""
    full = [row for row in rows if len(row) == len(_HEADINGS)]
    widths = [max(len(row[column]) for row in full) for column in range(len(_HEADINGS))]
    widths[0] = max(len(row[0]) for row in rows)
    lines = []
    for row, notes in zip(rows, remarks, strict=True):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        lines.append("  ".join(cells).rstrip())
        lines.extend(f"    {note}" for note in notes)
    return lines


INSPECT = Command(
    name="inspect",
    summary="say what image files are, or why they cannot be read",
    add_arguments=_add_inspect_arguments,
    run=_run_inspect,
)
