"""Where things live on disk, and writing them so that a reader sees the old one or the new one,
never half of one. Two variables move them: MAMMO_CHECKPOINTS and MAMMO_HOME; a third, MAMMO_ROOTS,
says below which folders a visitor of the pages may look for data sets.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from mammo_core.errors import DiskError

if sys.platform == "win32":
    import msvcrt

    def try_lock(lock: IO[bytes]) -> bool:
        lock.seek(0)
        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(lock: IO[bytes]) -> None:
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)

    def _wait_for(lock: IO[bytes]) -> None:
        while not try_lock(lock):
            time.sleep(0.02)

else:
    import fcntl

    def try_lock(lock: IO[bytes]) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def unlock(lock: IO[bytes]) -> None:
        fcntl.flock(lock, fcntl.LOCK_UN)

    def _wait_for(lock: IO[bytes]) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else, of this process or another, is in here with the same `path` at the same time."""
    with told_of_disk(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+b")
    with lock:
        with contextlib.suppress(OSError):  # a disk that knows no locks
            _wait_for(lock)
        yield


def scratch_beside(path: Path) -> Path:
    """A name that nobody else has: of this process or another, here or on another computer."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")


def replace_file(path: Path, content: str | bytes | Iterable[str | bytes | memoryview]) -> None:
    """Write beside, flush, fsync, rename: a kill at any moment leaves a whole file behind."""
    scratch = scratch_beside(path)
    parts = (content,) if isinstance(content, str | bytes) else content
    with told_of_disk(path.parent):
        try:
            with scratch.open("wb") as stream:
                for part in parts:
                    stream.write(part.encode("utf-8") if isinstance(part, str) else part)
                stream.flush()
                os.fsync(stream.fileno())
            scratch.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def append_whole(path: Path, lines: bytes) -> None:
    """Add `lines` to the end of `path`, on the disk when this returns. Half a line that a kill left
    is ended first, and of lines that find no room nothing stays.
    """
    with told_of_disk(path.parent), path.open("ab+", buffering=0) as stream:
        before = stream.seek(0, os.SEEK_END)
        if before:
            stream.seek(-1, os.SEEK_END)
            lines = lines if stream.read(1) == b"\n" else b"\n" + lines
        written = 0
        try:
            while written < len(lines):
                written += stream.write(lines[written:])
            os.fsync(stream.fileno())
        except OSError:
            if stream.seek(0, os.SEEK_END) == before + written:  # nobody else has written since
                stream.truncate(before)
            raise
        if not before:
            sync_folder(path.parent)


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN: Final = (errno.EROFS, errno.EACCES, errno.EPERM)
#: Paths that lead elsewhere than was meant, and what is said of the last name in each.
_LED_ASTRAY: Final = {
    errno.EEXIST: "{name!r} is there already. Choose another name, or move it away.",
    errno.EISDIR: "{name!r} is a folder, and a file is needed. Name a file.",
    errno.ENOTDIR: "{name!r} is a file or lies below one, and a folder is needed. Name a folder.",
}
_RIGHTS: Final = (
    "Give this account the right to write there, or choose other folders with MAMMO_HOME and "
    "MAMMO_CHECKPOINTS."
)


@contextlib.contextmanager
def told_of_disk(folder: Path | None = None) -> Iterator[None]:
    """A disk that is full, or may not be written to, is a DiskError with a sentence. Where no
    `folder` is named, for much is done within, the error tells which; what may not be read is one
    then, too, and so is a path that leads to a folder where a file is needed, or the reverse.
    """
    try:
        yield
    except OSError as error:
        said = _unforeseen_in_words(error) if folder is None else disk_in_words(error, folder)
        if isinstance(error, DiskError) or not said:
            raise
        told = DiskError(said)
        told.is_foreseen = folder is not None
        raise told from error


def disk_in_words(error: OSError, folder: Path | None) -> str:
    """What could not be written and what to do; the folder by its last name alone, where it is
    known. Empty where the error is of another kind.
    """
    if error.errno not in (*_FULL, *_FORBIDDEN):
        return ""
    to = "" if folder is None else f" to the folder {folder.name!r}"
    if error.errno in _FULL:
        return (
            f"Nothing more can be written{to}: there is no room left on the disk. Make room "
            "(forget cases, delete runs or the cache) and try again; what was written before is "
            "whole."
        )
    return f"Nothing more can be written{to}: {error.strerror or error}. {_RIGHTS}"


def _unforeseen_in_words(error: OSError) -> str:
    named = error.filename2 or error.filename  # of a rename, what it was to become
    file = Path(named) if isinstance(named, str | os.PathLike) else None
    if file is not None and error.errno in _LED_ASTRAY:
        return _LED_ASTRAY[error.errno].format(name=file.name or str(file))
    if error.errno in (errno.EACCES, errno.EPERM):  # read or written, nobody knows
        right = "Give this account the right to it."
        return f"{file.name!r} may not be opened: {error.strerror}. {right}" if file else ""
    return disk_in_words(error, None if file is None else file.parent)


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


_SCRATCH: Final = re.compile(r"\..+\.(?P<process>\d+)-[0-9a-f]{16}\.tmp")
#: A checkpoint that is filled before it takes its place, or a copy that is counted in; eight
#: letters by `tempfile`.
_UNFINISHED: Final = re.compile(r"\.(?:importing|exporting|packing|counting)-\w{8}")
_FRESH_SECONDS: Final = 600.0  # another computer, whose processes we cannot see, may write here too
_ABANDONED_SECONDS: Final = 86_400.0  # in which nothing was written to an unfinished folder


def sweep_scratch(folder: Path, *, now: float | None = None) -> int:
    """Remove what a kill or a power cut left half-written in `folder` and those in it; how much."""
    now = time.time() if now is None else now
    swept = _sweep_unfinished(folder, now)
    for path in [*folder.glob(".*.tmp"), *folder.glob("*/.*.tmp")]:
        found = _SCRATCH.fullmatch(path.name)
        with contextlib.suppress(OSError):
            if found is None or now - path.lstat().st_mtime < _FRESH_SECONDS:
                continue
            if path.lstat().st_mtime > boot_time() and _is_alive(int(found["process"])):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            swept += 1
    return swept


def _sweep_unfinished(folder: Path, now: float) -> int:
    swept = 0
    for path in folder.glob(".*-*"):
        if not _UNFINISHED.fullmatch(path.name) or path.is_symlink():
            continue
        with contextlib.suppress(OSError):
            written = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
            is_left = written < boot_time() and now - written > _FRESH_SECONDS
            if is_left or now - written > _ABANDONED_SECONDS:
                shutil.rmtree(path)
                swept += 1
    return swept


def boot_time() -> float:
    """When this computer was started, in seconds since 1970; 0 where it does not say."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if clock is None else time.time() - time.clock_gettime(clock)


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there, asking for a process ends it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def keep_private() -> None:
    """From now on nobody but this account reads what this process writes, nor what lies at home."""
    os.umask(0o077)
    try:
        home().mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DiskError(
            f"MAMMO_HOME is {home()}, which is a file or lies below one. Set it to a folder."
        ) from None
    with contextlib.suppress(OSError):  # another's folder, or a disk that knows no rights
        home().chmod(0o700)


def accounts_file() -> Path:
    """Who may sign in where several share the server."""
    return home() / "accounts.json"


def access_log() -> Path:
    return home() / "access.jsonl"


def owned_root() -> Path:
    """Where the server is shared: a folder for each account, which the functions below take."""
    return home() / "accounts"


def cases_root(own: Path | None = None) -> Path:
    return (own or home()) / "cases"


def datasets_root() -> Path:
    return home() / "datasets"


def tags_root(own: Path | None = None) -> Path:
    """What readers said of images of data sets: one file each."""
    return (own or home()) / "tags"


def audits_root() -> Path:
    """One run folder per audit."""
    return home() / "audits"


def cache_root() -> Path:
    """Prepared images; see preprocessing/cache.py."""
    return home() / "cache"


def preflights_root() -> Path:
    """One run folder per measurement before a training."""
    return home() / "preflights"


def tables_root(own: Path | None = None) -> Path:
    """Tables of scores that were uploaded; see runs/kept_tables.py."""
    return (own or home()) / "tables"


def measurements_root() -> Path:
    """One run folder per measurement of a checkpoint; what was measured lies beside its card."""
    return home() / "measurements"


def jobs_root() -> Path:
    return home() / "jobs"


def weights_root() -> Path:
    return home() / "weights"


def samples_root() -> Path:
    return REPOSITORY / "sample_images"


def studies_root(own: Path | None = None) -> Path:
    """Reader studies: one folder each."""
    return (own or home()) / "studies"


def tour_file(own: Path | None = None) -> Path:
    """There once somebody has taken the tour of the pages, or has said no to it."""
    return (own or home()) / "toured"


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


def worklists_root(own: Path | None = None) -> Path:
    """Lists of cases that came together."""
    return (own or home()) / "worklists"


def archives_file() -> Path:
    """The archives that may be asked, and from where their passwords are read."""
    return home() / "archives.json"


def archive_work_root(own: Path | None = None) -> Path:
    """Work lists that came from an archive, or were sent to us: a run folder each."""
    return (own or home()) / "archive_work"


def arrivals_root() -> Path:
    """What other nodes have sent and is no case yet."""
    return home() / "arrivals"


_BEGINS: Final = r"(?:file://)?(?:[A-Za-z]:)?(?:\\\\|[/\\])"
#: An absolute path up to its last name; neither a fraction, nor a web address, nor a relative path.
#: In quotes its folders may have blanks in their names; elsewhere a blank may be the path's end.
_FOLDERS: Final = re.compile(
    rf"(?<=['\"]){_BEGINS}[^'\"\n]*[/\\]|(?<![\w./\\]){_BEGINS}(?:[^\s/\\'\",;:]+[/\\])+"
)


def without_folders(text: str) -> str:
    """`text` with each absolute path cut to its last name: where a server keeps its files is no
    reader's business.
    """
    if "/" not in text and "\\" not in text:
        return text
    for root in _known_roots():  # a blank in their names would end a path too early
        here = rf"(?<![\w./\\]){re.escape(str(root))}"
        text = re.sub(rf"{here}(?=[/\\])", "/_", text)
        text = re.sub(rf"{here}(?!\w)", root.name.replace("\\", r"\\"), text)
    return _FOLDERS.sub("", text)


def _known_roots() -> list[Path]:
    """Where the program keeps and finds things, the deepest first."""
    roots = {home(), checkpoints_root(), REPOSITORY, Path.home(), *data_roots()}
    named = {root for root in roots if root.is_absolute() and root.name}
    return sorted(named, key=lambda root: len(root.parts), reverse=True)
