"""`mammo archive`: the hospital's archive over DICOMweb: listed, checked, searched, pulled from,
and given results.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, at_least, say, say_aside, show_progress
from mammo_core.errors import ConfigError, MammoError
from mammo_core.files import archive_work_root, archives_file, cases_root
from mammo_core.words import many

if TYPE_CHECKING:
    from mammo_core.archive.client import ArchiveClient, FoundStudy, Query

_CASE_DIGITS: Final = 64
_MOST_PULLED: Final = 100_000  # studies of one search
_INTERRUPTED: Final = 130  # as shells have it: 128 and the number of the signal


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    doing = parser.add_subparsers(dest="doing", required=True, metavar="WHAT")
    _add_add(doing.add_parser("add", help="list an archive, so that it may be asked"))
    doing.add_parser("list", help="say which archives are listed")
    for name, words in (
        ("remove", "take an archive off the list"),
        ("check", "say what works: reachable, certificate, login, QIDO, WADO, STOW"),
    ):
        doing.add_parser(name, help=words).add_argument("name", metavar="NAME")
    find = doing.add_parser("find", help="search for studies")
    find.add_argument("name", metavar="NAME")
    _add_query(find)
    pull = doing.add_parser("pull", help="fetch studies as a data set without identity")
    pull.add_argument("name", metavar="NAME")
    pull.add_argument(
        "studies", nargs="*", metavar="STUDY",
        help="Study Instance UIDs; without any, what the search below finds",
    )  # fmt: skip
    _add_query(pull)
    pull.add_argument("--out", required=True, type=Path, metavar="DIR")
    pull.add_argument(
        "--labels", type=Path, metavar="CSV",
        help="columns label, and accession or study; perhaps side",
    )  # fmt: skip
    pull.add_argument("--most-images", type=at_least(1), default=20_000, metavar="N")
    pull.add_argument("--most-megabytes", type=at_least(1), default=200_000, metavar="N")
    send = doing.add_parser("send", help="send report and pictures of what was opened from there")
    send.add_argument("name", metavar="NAME")
    send.add_argument("what", metavar="RUN-OR-CASE", help="a work list or a case, by its id")
    send.add_argument("--model", required=True, metavar="CHECKPOINT", help="what it is read with")
    send.add_argument(
        "--without-regions", action="store_true",
        help="no presentation states: the report and the pictures alone",
    )  # fmt: skip


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--dicomweb", required=True, metavar="URL", help="the root of the service")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, as PEM")
    parser.add_argument("--user", default="", help="for a password; a token needs none")
    secret = parser.add_mutually_exclusive_group()
    for kind in ("password", "token"):
        secret.add_argument(
            f"--{kind}-env", default="", metavar="VARIABLE", help=f"it holds the {kind}"
        )
        secret.add_argument(
            f"--{kind}-file", type=Path, metavar="FILE", help="its owner alone may read it"
        )
    parser.add_argument(
        "--allow-http", action="store_true", help="without TLS, in a network that is protected"
    )


def _add_query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--date", default="", metavar="FROM..TO", help="2024-01-01..2024-06-30")
    parser.add_argument("--modality", default="MG")
    parser.add_argument("--accession", default="")
    parser.add_argument("--patient-id", default="")


def _run(arguments: argparse.Namespace) -> int:
    doing = {
        "add": _add, "list": _list, "remove": _remove, "check": _check, "find": _find,
        "pull": _pull, "send": _send,
    }  # fmt: skip
    return doing[arguments.doing](arguments)


def _add(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.listed import Archive, add_archive

    if arguments.user and (arguments.token_env or arguments.token_file):
        raise ConfigError("A token needs no --user; a password is named with --password-env.")
    if not arguments.user and (arguments.password_env or arguments.password_file):
        raise ConfigError("Whose password is it? Give the user's name with --user.")
    file = arguments.password_file or arguments.token_file
    archive = Archive(
        name=arguments.name,
        dicomweb=arguments.dicomweb,
        ca=str(arguments.ca.absolute()) if arguments.ca else "",
        user=arguments.user,
        secret_variable=arguments.password_env or arguments.token_env,
        secret_file=str(file.absolute()) if file else "",
        may_be_plain=arguments.allow_http,
    )
    add_archive(archives_file(), archive)
    say(f"{archive.name} is listed. See what works with: mammo archive check {archive.name}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.listed import list_archives

    for one in list_archives(archives_file()):
        login = f"user {one.user}" if one.user else "token" if _has_secret(one) else "no login"
        say(f"{one.name}  {one.dicomweb}  {login}")
    return 0


def _has_secret(archive: object) -> bool:
    return any(getattr(archive, name) for name in ("secret_variable", "secret_file"))


def _remove(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.listed import remove_archive

    remove_archive(archives_file(), arguments.name)
    say(f"{arguments.name} is no longer asked.")
    return 0


def _client(name: str) -> "ArchiveClient":
    from mammo_core.archive.client import connect
    from mammo_core.archive.listed import find_archive

    return connect(find_archive(archives_file(), name))


def _check(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.check import check_archive_works
    from mammo_core.archive.listed import find_archive

    found = check_archive_works(find_archive(archives_file(), arguments.name), os.environ)
    for one in found:
        say(f"{'ok     ' if one.is_well else 'problem'} {one.words}")
    return 0 if all(one.is_well for one in found) else 1


def _query(arguments: argparse.Namespace) -> "Query":
    from mammo_core.archive.client import Query

    first, _, last = arguments.date.partition("..")
    return Query(
        first=first,
        last=last if ".." in arguments.date else first,
        modality=arguments.modality,
        accession=arguments.accession,
        patient_id=arguments.patient_id,
    )


def _find(arguments: argparse.Namespace) -> int:
    """Days and accession numbers are what was asked for; names are not told."""
    from mammo_core.archive.client import MOST_STUDIES

    search = _client(arguments.name).search(_query(arguments))
    found = search.studies
    for study in found[:MOST_STUDIES]:
        images = "? images" if study.images is None else many(study.images, "image", "images")
        facts = (study.day or "no date", images, study.accession or "-", study.description or "-")
        say("  ".join([*facts, study.uid]))
    more = len(found) > MOST_STUDIES
    say_aside(
        f"More than {MOST_STUDIES} studies; the first are told. Ask for a shorter range of dates."
        if more
        else f"{many(len(found), 'study', 'studies')}."
    )
    _warn(search.warning)
    return 0


def _warn(warning: str) -> None:
    if warning:
        say_aside(f"{warning} Ask for a shorter range of dates.")


def _pull(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.pull import PullLimits, pull_studies, read_labels

    labels = read_labels(arguments.labels) if arguments.labels else None
    client = _client(arguments.name)
    studies = _asked_for(client, arguments)
    limits = PullLimits(images=arguments.most_images, megabytes=arguments.most_megabytes)
    images = sum(study.images or 0 for study in studies)
    say_aside(
        f"{many(len(studies), 'study', 'studies')}, {many(images, 'instance', 'instances')} of all "
        f"kinds. At most {limits.images:,} images and {limits.megabytes:,} MB are fetched."
    )
    try:
        pulled = pull_studies(
            client, studies, arguments.out, limits=limits, labels=labels, report=show_progress
        )
    except KeyboardInterrupt:
        show_progress(1, 1, "")  # what is said next begins its own line
        say_aside(
            f"Stopped. The studies pulled until now are whole, and in {arguments.out}; the same "
            "command goes on from here."
        )
        return _INTERRUPTED
    for problem in pulled.problems:
        say_aside(problem)
    say(
        f"{many(pulled.images, 'image', 'images')} of {many(pulled.studies, 'study', 'studies')} "
        f"in {arguments.out}; {pulled.labelled} of them have a label."
    )
    if pulled.why_stopped:
        say_aside(
            f"{pulled.why_stopped} {many(pulled.left, 'study is', 'studies are')} left: the same "
            "command goes on from here."
        )
    return 1 if pulled.why_stopped or pulled.problems else 0


def _asked_for(client: "ArchiveClient", arguments: argparse.Namespace) -> "list[FoundStudy]":
    from mammo_core.archive.client import Query

    if not arguments.studies:
        search = client.search(_query(arguments), most=_MOST_PULLED)
        _warn(search.warning)
        return search.studies
    found = []
    for uid in dict.fromkeys(arguments.studies):
        studies = client.find_studies(Query(uid=uid, modality=""))
        if not studies:
            raise ConfigError(f"Archive {arguments.name} has no study {uid}.")
        found += studies
    return found


def _send(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.results import open_reader
    from mammo_core.archive.worklists import WorkConfig, send_case, send_worklist
    from mammo_core.runs.folder import RunFolder, find_checkpoint

    has_states = not arguments.without_regions
    if len(arguments.what) == _CASE_DIGITS:
        reader = open_reader(find_checkpoint(arguments.model), tell=say_aside)
        sent = send_case(
            arguments.what, reader, cases_root(), archive=arguments.name, has_states=has_states
        )
        say(f"{many(sent, 'object', 'objects')} sent to archive {arguments.name}.")
        return 0
    worklist = RunFolder(archive_work_root() / Path(arguments.what).name)
    if not worklist.path.is_dir():
        raise MammoError(f"There is neither a case nor a work list {arguments.what}.")
    config = WorkConfig(
        archive=arguments.name, checkpoint=arguments.model, cases=str(cases_root().absolute()),
        has_states=has_states,
    )  # fmt: skip
    ended = send_worklist(worklist, config, report=show_progress)
    say(ended.words)
    return 1 if ended.failed else 0


ARCHIVE = Command(
    name="archive",
    summary="find, pull and send studies of a hospital's archive (DICOMweb)",
    add_arguments=_add_arguments,
    run=_run,
)
