"""A checkpoint as one zip file, to take it to another computer and in again.

What comes from elsewhere is not trusted: names in the archive are compared with our own list and
never used for a path, sizes are counted while unpacking, and the checkpoint must load, hashes and
shapes and all, before it appears among the others.
"""

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import CheckpointError, MammoError
from mammo_core.files import sha256_of, sync_folder, told_of_disk
from mammo_core.inference.checkpoint import WEIGHTS_NAME, load_checkpoint
from mammo_core.runs import measured, operating_points, sidecars
from mammo_core.runs.card import read_card
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.types import RunState

CARD: Final = "model_card.json"
_MEGABYTE: Final = 2**20

#: Every name an archive may hold, and how large such a file may be.
_LARGEST: Final = {
    CARD: 4 * _MEGABYTE,
    WEIGHTS_NAME: 4096 * _MEGABYTE,
    operating_points.MODEL_POINTS_FILE: 4 * _MEGABYTE,
    operating_points.POINTS_FILE: 4 * _MEGABYTE,
    measured.FIDELITY_FILE: 4 * _MEGABYTE,
    measured.STRESS_FILE: 4 * _MEGABYTE,
    "predictions.csv": 512 * _MEGABYTE,
    "metrics.jsonl": 64 * _MEGABYTE,
    sidecars.EMBEDDINGS_FILE: 512 * _MEGABYTE,
}
#: What tells of single women, if only by the ids of a data set: left out unless asked for.
_OF_WOMEN: Final = ("predictions.csv", "metrics.jsonl", sidecars.EMBEDDINGS_FILE)

CHECKPOINT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_PLAIN: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1  # general purpose bit 0, APPNOTE 4.4.4
_PIECE: Final = _MEGABYTE
_SAME_TIME: Final = (1980, 1, 1, 0, 0, 0)  # two exports of one checkpoint are equal
_UNFINISHED: Final = ".importing-"


def export_checkpoint(folder: Path, out: Path, *, is_with_women: bool = False) -> tuple[str, ...]:
    """Write the checkpoint in `folder` to the zip `out`; the names of what is in it."""
    if out.exists():
        raise CheckpointError(f"{out} is there already. Choose another name.")
    if not out.parent.is_dir():
        raise CheckpointError(f"There is no folder {out.parent} to write to.")
    load_checkpoint(folder)  # nobody is sent what cannot be used
    with told_of_disk(out.parent):
        return _zipped(folder, out, is_with_women=is_with_women)


def _zipped(folder: Path, out: Path, *, is_with_women: bool) -> tuple[str, ...]:
    names = tuple(
        name
        for name in _LARGEST
        if (folder / name).is_file() and (is_with_women or name not in _OF_WOMEN)
    )
    scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=out.parent))
    try:
        with zipfile.ZipFile(scratch / "zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
            for name in names:
                entry = zipfile.ZipInfo(name, date_time=_SAME_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with (folder / name).open("rb") as source, new.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, _PIECE)
        (scratch / "zip").replace(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return names


def import_checkpoint(archive: Path, root: Path, *, name: str | None = None) -> RunFolder:
    """The checkpoint in the zip `archive` as a new folder below `root`, called `name`."""
    if name is not None and not CHECKPOINT_NAME.fullmatch(name):
        raise CheckpointError(
            f"{name!r} cannot be a checkpoint's name: letters, digits, dot, dash and underscore, "
            "at most 80, the first a letter or digit."
        )
    if archive.is_dir():
        raise CheckpointError(
            f"{archive} is a folder. Name the zip file that `mammo checkpoints export` wrote."
        )
    with told_of_disk(root):
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
    try:
        _unpack(archive, scratch)
        _check(RunFolder(scratch), archive.name)
        target = root / (name or f"imported-{sha256_of(scratch / CARD)[:8]}")
        if target.exists():
            raise CheckpointError(f"There is a checkpoint {target.name} already. Use --name.")
        status = RunStatus(state=RunState.FINISHED, message="Imported.")
        RunFolder(scratch).write_status(status)
        scratch.rename(target)
        sync_folder(root)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return RunFolder(target)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check_entries(entries, archive.name)
            needed = sum(entry.file_size for entry in entries)
            if needed + _MEGABYTE > shutil.disk_usage(folder).free:
                raise CheckpointError(
                    f"{archive.name} needs {needed / 2**30:.1f} GB; there is not so much room left."
                )
            for entry in entries:
                with opened.open(entry) as source:
                    _copy(source, folder / _own_name(entry), most=entry.file_size)
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"There is no file {archive}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(
            f"{archive.name} is not a whole zip file ({error}). Was it copied in full? A bare "
            ".pth or .safetensors file comes in with `mammo weights import`."
        ) from None


def _own_name(entry: zipfile.ZipInfo) -> str:
    """Our own spelling of an entry's name: no path is built from what an archive says."""
    return next(name for name in _LARGEST if name == entry.filename)


def _check_entries(entries: list[zipfile.ZipInfo], archive: str) -> None:
    """Refuse what no export of ours contains, before a byte is unpacked."""
    names = [entry.filename for entry in entries]
    for entry in entries:
        shown = _shown(entry.filename)
        if entry.filename not in _LARGEST:
            raise CheckpointError(
                f"{archive} holds {shown}, which is no part of a checkpoint. Only "
                f"{', '.join(_LARGEST)} may be in it."
            )
        if names.count(entry.filename) > 1:
            raise CheckpointError(f"{archive} holds {shown} twice.")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.is_dir():
            raise CheckpointError(f"In {archive}, {shown} is a link or no plain file.")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PLAIN:
            raise CheckpointError(f"In {archive}, {shown} is encrypted or oddly compressed.")
        if entry.file_size > _LARGEST[entry.filename]:
            raise CheckpointError(
                f"In {archive}, {shown} would be {entry.file_size / _MEGABYTE:,.0f} MB; at most "
                f"{_LARGEST[entry.filename] / _MEGABYTE:,.0f} MB are taken."
            )
    missing = [name for name in (CARD, WEIGHTS_NAME) if name not in names]
    if missing:
        raise CheckpointError(f"{archive} holds no {missing[0]}, so it is no checkpoint.")


def _copy(source: IO[bytes], target: Path, *, most: int) -> None:
    """No more than `most` bytes, whatever the archive's own account of itself."""
    left = most
    with told_of_disk(target.parent.parent), target.open("xb") as stream:
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                raise CheckpointError(f"{target.name} is larger than the archive says.")
            stream.write(piece)


def _check(run: RunFolder, archive: str) -> None:
    """Load everything once, as its users will."""
    checks: dict[str, Callable[[], object]] = {
        CARD: lambda: read_card(run.file(CARD)),
        WEIGHTS_NAME: lambda: load_checkpoint(run.path),
        operating_points.MODEL_POINTS_FILE: lambda: operating_points.locked_points(run),
        operating_points.POINTS_FILE: lambda: operating_points.locked_points(run),
        measured.FIDELITY_FILE: lambda: measured.fidelity_of(run),
        measured.STRESS_FILE: lambda: measured.stress_of(run),
        "predictions.csv": lambda: read_predictions(run.predictions_file),
        "metrics.jsonl": run.read_metrics,
        sidecars.EMBEDDINGS_FILE: lambda: sidecars.read_embeddings(run, read_card(run.file(CARD))),
    }
    for name, check in checks.items():
        if run.file(name).exists():
            try:
                check()
            except (MammoError, UnicodeDecodeError) as error:
                # Sentences about a checkpoint name its folder, which here is a passing one.
                said = str(error).replace(run.run_id, archive)
                raise CheckpointError(f"{archive} was not taken. {said}") from None


def _shown(name: str) -> str:
    plain = "".join(c if c.isprintable() else "?" for c in name)
    return repr(plain if len(plain) <= 60 else plain[:57] + "...")
