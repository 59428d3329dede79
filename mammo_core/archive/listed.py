"""The archives that whoever runs the workbench has listed: nothing else is ever contacted.

The list holds no password and no token, only where one is read from: a variable of the environment,
or a file that its owner alone may read.
"""

import base64
import json
import os
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mammo_core.errors import ConfigError, UnknownNameError
from mammo_core.files import locked, replace_file
from mammo_core.records import from_document, read_object, to_document

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_LONGEST_SECRET: Final = 16_384  # characters: tokens are long


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One DICOMweb service. With a `user` the secret is a password, without one a token."""

    name: str
    dicomweb: str  # the root of its QIDO, WADO and STOW
    ca: str = ""  # certificates to trust instead of the public ones
    user: str = ""
    secret_variable: str = ""
    secret_file: str = ""
    may_be_plain: bool = False  # HTTP without TLS to another computer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    archives: tuple[Archive, ...] = ()


def check_archive(archive: Archive) -> None:
    """Refuse what cannot work, or would send a password where others can read it."""
    if not _NAME.fullmatch(archive.name):
        raise ConfigError(
            f"{archive.name!r} is no name for an archive: use up to 32 small letters, digits, "
            "hyphens and underscores."
        )
    address = _parts_of(archive.dicomweb)
    if address.username or address.password or address.query or address.fragment:
        raise ConfigError(
            "The address must hold neither a user nor a query. Give the user with --user, the "
            "password by the name of a variable (--password-env) or a file (--password-file)."
        )
    is_plain = address.scheme == "http" and address.hostname not in _LOOPBACK
    if is_plain and not archive.may_be_plain:
        raise ConfigError(
            f"{archive.dicomweb} is HTTP without TLS: names of patients and the password would "
            "cross the network in the clear. Use https, or --allow-http where the network itself "
            "is protected."
        )
    if archive.user and not (archive.secret_variable or archive.secret_file):
        raise ConfigError(
            f"User {archive.user} has no password. Name a variable with --password-env or a file "
            "with --password-file."
        )
    check_authority(archive)


def _parts_of(url: str) -> SplitResult:
    no_address = ConfigError(
        f"{url!r} is no address of a DICOMweb service. As in: "
        "https://pacs.hospital.example/dicom-web"
    )
    try:
        address = urlsplit(url)
        is_whole = bool(address.hostname) and address.port != 0  # what is no port raises
    except ValueError:
        raise no_address from None
    if not is_whole or not url.startswith(("http://", "https://")) or url.split() != [url]:
        raise no_address
    return address


def check_authority(archive: Archive) -> None:
    """Refuse a file of certificates that is gone, unreadable, or none."""
    try:
        if archive.ca:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=archive.ca)
    except (OSError, ValueError):  # an SSLError is an OSError
        raise ConfigError(no_authority(archive)) from None


def no_authority(archive: Archive) -> str:
    return (
        f"The certificates that archive {archive.name} is trusted by cannot be read from the file "
        f"{Path(archive.ca).name}: it is gone, closed to this account, or no PEM. Put it back, or "
        "add the archive again with --ca FILE."
    )


def list_archives(path: Path) -> tuple[Archive, ...]:
    """In the order in which they were added; none where there is no list."""
    if not path.exists():
        return ()
    return from_document(read_object(path, where=path.name), _Listed, where=path.name).archives


def find_archive(path: Path, name: str) -> Archive:
    found = {archive.name: archive for archive in list_archives(path)}
    if not found:
        raise ConfigError(
            "No archive is listed yet. Whoever runs this workbench adds one with: "
            "mammo archive add NAME --dicomweb URL"
        )
    if name not in found:
        raise UnknownNameError("archive", name, found)
    return found[name]


def add_archive(path: Path, archive: Archive) -> None:
    """List `archive`, in the place of an earlier one of its name."""
    check_archive(archive)
    with locked(path.with_name(f".{path.name}.lock")):
        others = [one for one in list_archives(path) if one.name != archive.name]
        _write(path, (*others, archive))


def remove_archive(path: Path, name: str) -> None:
    find_archive(path, name)
    with locked(path.with_name(f".{path.name}.lock")):
        _write(path, tuple(one for one in list_archives(path) if one.name != name))


def _write(path: Path, archives: tuple[Archive, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, json.dumps(to_document(_Listed(archives=archives)), indent=2) + "\n")


def authorization_of(archive: Archive, environment: Mapping[str, str]) -> str:
    """The Authorization header; "" where the archive asks for none. Never written down."""
    if not (archive.secret_variable or archive.secret_file):
        return ""
    secret = _secret(archive, environment)
    if not archive.user:
        return f"Bearer {secret}"
    return "Basic " + base64.b64encode(f"{archive.user}:{secret}".encode()).decode()


def _secret(archive: Archive, environment: Mapping[str, str]) -> str:
    if archive.secret_variable:
        secret = environment.get(archive.secret_variable, "")
        where, remedy = f"the variable {archive.secret_variable}", "Set it and start again."
    else:
        path = Path(archive.secret_file)
        secret = _read_private(path)
        where, remedy = f"the file {path.name}", "Write the password or token into it."
    secret = secret.strip()
    if not archive.user and not secret.isascii():
        raise ConfigError(
            f"The token of archive {archive.name} in {where} has letters that no token has, as ä "
            "or a long dash. Copy it again."
        )
    if not secret or not secret.isprintable():
        raise ConfigError(
            f"The password or token of archive {archive.name} is not in {where}: it is missing, "
            f"empty or of several lines. {remedy}"
        )
    return secret


def _read_private(path: Path) -> str:
    """A file that others may read is no place for a password."""
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077 and os.name != "nt":  # which has other rights than these
            raise ConfigError(
                f"The file {path.name} with a password or token can be read by others "
                f"(its mode is {stat.S_IMODE(mode):o}). Make it private: chmod 600 {path.name}"
            )
        return path.read_text(encoding="utf-8")[:_LONGEST_SECRET]
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"The file {path.name} with a password or token cannot be read. Is it still there?"
        ) from None
