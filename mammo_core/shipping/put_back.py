"""What was counted in a copy of a checkpoint, put back beside its weights: files whole, the card
last. What else lies beside the card, of another set, by another method or by its users, goes on
counting for it: the weights are the same.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from mammo_core.errors import CheckpointError, RunError
from mammo_core.files import append_whole, replace_file, sha256_of, told_of_disk
from mammo_core.inference.kept import SAMPLE_READINGS
from mammo_core.records import read_json
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.runs.measured import FIDELITY_FILE, FROC_FILE, STRESS_FILE
from mammo_core.runs.operating_points import (
    MARGINS_FILE,
    MODEL_POINTS_FILE,
    OPENINGS_FILE,
    POINTS_FILE,
)
from mammo_core.runs.sidecars import COST_FILE, LATENCY_FILE

Documents = list[dict[str, Any]]

#: Lists of records, and what tells one from another: of two alike, the one counted now stays.
LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    STRESS_FILE: ("dataset", "split"),
    FIDELITY_FILE: ("method", "dataset", "split"),
    FROC_FILE: ("method", "dataset", "split"),
}
_LOGS: Final = (MARGINS_FILE, OPENINGS_FILE)
_ALONE: Final = (LATENCY_FILE, COST_FILE)  # one record each
_BOUND: Final = (
    *LISTS,
    *_LOGS,
    *_ALONE,
    SAMPLE_READINGS,
    MODEL_POINTS_FILE,
    POINTS_FILE,
    "model_card.json",
)


@contextmanager
def copy_of(run: RunFolder, *, is_beside: bool) -> Iterator[RunFolder]:
    """The files of `run` in a folder of their own until this ends, of its name: where it
    `is_beside`, on the disk that what is made there will be moved to.
    """
    root = run.path.parent if is_beside else Path(tempfile.gettempdir())
    with told_of_disk(root):
        place = tempfile.TemporaryDirectory(dir=root, prefix=".counting-")
    with place as scratch:
        copy = RunFolder(Path(scratch) / run.run_id)
        with told_of_disk(root):
            copy.path.mkdir()
            for file in _files_of(run):
                shutil.copyfile(file, copy.file(file.name))
        yield copy


def hashes_of(run: RunFolder) -> dict[str, str]:
    """SHA-256 of its files, by name."""
    return {file.name: sha256_of(file) for file in _files_of(run)}


def _files_of(run: RunFolder) -> list[Path]:
    """No folder, as one that is left of a training, and nothing half-written."""
    found = (path for path in run.path.iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if path.is_file())


def counted_in(copy: RunFolder) -> dict[str, Documents]:
    """The records that were made there, by the name of their list."""
    return {name: _documents(copy, name) for name in (STRESS_FILE, FIDELITY_FILE)}


def bind_beside(
    run: RunFolder, copy: RunFolder, *, counted: Mapping[str, Documents], old: str
) -> None:
    """Lists and logs of the `copy` as they will be: what was counted there, and what else `run` has
    of the card whose hash is `old`.
    """
    new = card_hash(copy)
    for name, keys in LISTS.items():
        merged = _merged(_documents(run, name), counted.get(name, []), keys=keys, old=old, new=new)
        if merged or copy.file(name).exists():
            _write_list(copy.file(name), merged)
    for name in _LOGS:
        _bind_log(copy.file(name), old=old, new=new)


def _merged(
    live: Documents, counted: Documents, *, keys: tuple[str, ...], old: str, new: str
) -> Documents:
    replaced = {_key(one, keys) for one in counted}
    carried = (one for one in live if one.get("card_sha256") == old)
    others = (one for one in carried if _key(one, keys) not in replaced)
    return [*({**one, "card_sha256": new} for one in others), *counted]


def _key(one: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(one.get(key, "")) for key in keys)


def put_back(
    run: RunFolder,
    copy: RunFolder,
    *,
    counted: Mapping[str, Documents],
    before: Mapping[str, str],
) -> None:
    """What differs from `before` takes its place in `run`. Until the card does, what belongs to the
    old one stays beside what belongs to the new one, so that a kill costs neither its thresholds.
    """
    card = run.card_file.name
    old, new = before[card], card_hash(copy)
    if card_hash(run) != old:
        raise RunError(
            f"The card of {run.run_id} was changed while it was counted, so nothing was written. "
            "Count again."
        )
    bind_beside(run, copy, counted=counted, old=old)
    for file in _files_of(copy):
        if file.name not in _BOUND and before.get(file.name) != sha256_of(file):
            replace_file(run.file(file.name), file.read_bytes())
    if old != new:
        _put_beside(run, copy)
        _bind_logs(run, old=old, new=new)
        _append_missing(run.file(POINTS_FILE), _lines(copy.file(POINTS_FILE)))
        is_map_same = _map_of(run) == _map_of(copy)
        replace_file(run.card_file, copy.card_file.read_bytes())
        _bind_logs(run, old=old, new=new)  # what was written a moment ago
        for name in (*_ALONE, *([SAMPLE_READINGS] if is_map_same else [])):
            _bind_one(run.file(name), old=old, new=new)
    for name in (*LISTS, MODEL_POINTS_FILE):
        if copy.file(name).exists():
            _write_other(run.file(name), copy.file(name).read_bytes())


def _put_beside(run: RunFolder, copy: RunFolder) -> None:
    """Records of the new card behind those of the old one, where files are replaced whole."""
    for name in LISTS:
        live, found = _documents(run, name), _documents(copy, name)
        if found:
            _write_list(run.file(name), [*live, *(one for one in found if one not in live)])
    lines = _lines(run.file(MODEL_POINTS_FILE))
    more = [one for one in _lines(copy.file(MODEL_POINTS_FILE)) if one not in lines]
    if more:
        replace_file(run.file(MODEL_POINTS_FILE), _joined([*lines, *more]))


def _map_of(run: RunFolder) -> tuple[float | None, float]:
    """What the scale of kept heatmaps goes back to."""
    card = run.card()
    return card.heatmap_peak, card.heatmap_offset


def _bind_logs(run: RunFolder, *, old: str, new: str) -> None:
    for name in _LOGS:
        _bind_log(run.file(name), old=old, new=new)


def _bind_log(path: Path, *, old: str, new: str) -> None:
    """Each line of the old card once more for the new one: logs are only ever appended."""
    if old != new:
        bound = [
            one.replace(old.encode(), new.encode()) for one in _lines(path) if _is_of(one, old)
        ]
        _append_missing(path, bound)


def _is_of(line: bytes, card: str) -> bool:
    with suppress(ValueError, RecursionError):  # a damaged line is told of where the log is read
        found = json.loads(line)
        return isinstance(found, dict) and found.get("card_sha256") == card
    return False


def _append_missing(path: Path, lines: Iterable[bytes]) -> None:
    known = set(_lines(path))
    missing = [line for line in dict.fromkeys(lines) if line not in known]
    if missing:
        append_whole(path, _joined(missing))


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _bind_one(path: Path, *, old: str, new: str) -> None:
    if path.exists():
        _write_other(path, path.read_bytes().replace(old.encode(), new.encode()))


def _write_other(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        replace_file(path, content)


def _write_list(path: Path, documents: Documents) -> None:
    _write_other(path, (json.dumps(documents, indent=2) + "\n").encode())


def _documents(run: RunFolder, name: str) -> Documents:
    if not run.file(name).exists():
        return []
    found = read_json(
        run.file(name),
        CheckpointError,
        what=f"{name} of {run.run_id}",
        remedy="Put it back from a copy, or delete it and measure again.",
    )
    return [one for one in found if isinstance(one, dict)]
