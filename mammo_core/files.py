"""Where things live on disk, and writing them so that a reader sees the old one or the new one,
never half of one. Two variables move them: MAMMO_CHECKPOINTS and MAMMO_HOME; a third, MAMMO_ROOTS,
says below which folders a visitor of the pages may look for data sets.
"""

import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Final


def replace_file(path: Path, content: str | bytes) -> None:
    """Write beside, flush, fsync, rename: a kill at any moment leaves a whole file behind."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    data = content.encode("utf-8") if isinstance(content, str) else content
    with scratch.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut. Windows cannot open folders, and need not."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def place_of(file: Path) -> str:
    """A hash of where `file` lies, its size and its time: another as soon as it changes or moves.
    An OSError where there is none.
    """
    state = file.stat()
    text = os.fsencode(file.absolute()) + f"\0{state.st_size}\0{state.st_mtime_ns}".encode()
    return hashlib.sha256(text).hexdigest()


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


REPOSITORY = Path(__file__).resolve().parent.parent


def checkpoints_root() -> Path:
    """The folder of runs and checkpoints."""
    return Path(os.environ.get("MAMMO_CHECKPOINTS") or REPOSITORY / "checkpoints")


def shipped_checkpoints_root() -> Path:
    """The checkpoints that come with the program, wherever MAMMO_CHECKPOINTS points."""
    return REPOSITORY / "checkpoints"


def home() -> Path:
    """What the program keeps for its user: cases, registered data sets, caches, jobs, key."""
    return Path(os.environ.get("MAMMO_HOME") or Path.home() / ".mammoscope")


def cases_root() -> Path:
    return home() / "cases"


def datasets_root() -> Path:
    return home() / "datasets"


def tags_root() -> Path:
    """What readers said of images of data sets: one file each."""
    return home() / "tags"


def audits_root() -> Path:
    """One run folder per audit."""
    return home() / "audits"


def cache_root() -> Path:
    """Prepared images; see preprocessing/cache.py."""
    return home() / "cache"


def preparations_root() -> Path:
    """One run folder per filling of the cache."""
    return home() / "preparations"


def preflights_root() -> Path:
    """One run folder per measurement before a training."""
    return home() / "preflights"


def tables_root() -> Path:
    """Tables of scores that were uploaded; see runs/kept_tables.py."""
    return home() / "tables"


def measurements_root() -> Path:
    """One run folder per measurement of a checkpoint; what was measured lies beside its card."""
    return home() / "measurements"


def jobs_root() -> Path:
    return home() / "jobs"


def weights_root() -> Path:
    return home() / "weights"


def samples_root() -> Path:
    return REPOSITORY / "sample_images"


def studies_root() -> Path:
    """Reader studies: one folder each."""
    return home() / "studies"


def data_roots() -> tuple[Path, ...]:
    """The folders that whoever started the server lets its visitors look into; none where nobody
    said, and then a visitor types the path of a folder.
    """
    named = os.environ.get("MAMMO_ROOTS", "").split(os.pathsep)
    roots = (Path(one).expanduser().resolve() for one in named if one.strip())
    return tuple(root for root in roots if root.is_dir())


def folders_in(folder: Path, root: Path) -> tuple[Path, ...]:
    """The folders in `folder` by name, but hidden ones and links that lead out of `root`."""
    try:
        found = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return ()
    return tuple(
        path
        for path in found
        if not path.name.startswith(".") and path.resolve().is_relative_to(root)
    )


def worklists_root() -> Path:
    """Lists of cases that came together."""
    return home() / "worklists"


#: An absolute path up to its last name; neither a fraction, nor a web address, nor a relative path.
_FOLDERS: Final = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^\s/\\'\",;:()]+[/\\])+")


def without_folders(text: str) -> str:
    """`text` with each absolute path cut to its last name: where a server keeps its files is no
    reader's business.
    """
    return _FOLDERS.sub("", text)
