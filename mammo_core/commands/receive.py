"""`mammo receive`: a node that other nodes send studies to."""

import argparse
import signal
from pathlib import Path

from mammo_core.commands.command import Command, at_least, say, say_aside
from mammo_core.errors import ConfigError
from mammo_core.files import (
    accounts_file,
    archive_work_root,
    archives_file,
    arrivals_root,
    cases_root,
    owned_root,
)
from mammo_core.sharing.owners import OF_RUN, write_owner
from mammo_core.sharing.rights import Owner


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=11112)
    parser.add_argument("--aet", default="MAMMOSCOPE", help="how this node is called")
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen at; others than this computer "
        "may send only where it is given, and then only those in --allow",
    )  # fmt: skip
    parser.add_argument(
        "--allow", action="append", default=[], metavar="AET=ADDRESS", help="who may send"
    )
    parser.add_argument("--model", default="", metavar="CHECKPOINT", help="score what came")
    parser.add_argument(
        "--forward", default="", metavar="ARCHIVE", help="and send the report to that archive"
    )
    parser.add_argument(
        "--silence", type=float, default=10.0, metavar="SECONDS",
        help="a study of which nothing has come for so long is complete (10)",
    )  # fmt: skip
    parser.add_argument("--associations", type=at_least(1), default=8, help="at once, at most (8)")
    parser.add_argument(
        "--most-megabytes", type=at_least(1), default=600, help="of one object (600)"
    )
    parser.add_argument(
        "--memory-megabytes", type=at_least(1), default=1200,
        help="of all objects that are coming in (1200); what does not fit is to be sent again",
    )  # fmt: skip
    parser.add_argument(
        "--account", default="", metavar="NAME",
        help="where the server is shared: whose cases and work list it is that studies come to",
    )  # fmt: skip
    for name, words in (
        ("cert", "this node's certificate, as PEM: DICOM over TLS"),
        ("key", "its key"),
        ("ca", "whose certificates the others must have"),
    ):
        parser.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=words)


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.archive.listed import find_archive
    from mammo_core.archive.receiver import (
        Afterwards,
        Receiver,
        ReceiverSettings,
        reader_of,
        received_list,
    )
    from mammo_core.archive.wire import tls_context

    if bool(arguments.tls_cert) != bool(arguments.tls_key):
        raise ConfigError("TLS needs both --tls-cert and --tls-key.")
    if arguments.forward:
        find_archive(archives_file(), arguments.forward)
        if not arguments.model:
            raise ConfigError("--forward sends a report, and a report needs --model.")
    if arguments.model:
        reader_of(arguments.model)  # what is wrong with it is told now
    own = folder_of(arguments.account)
    worklist = received_list(archive_work_root(own))
    if own is not None:
        write_owner(worklist.file(OF_RUN), Owner(folder=own.name))
    settings = ReceiverSettings(
        aet=arguments.aet,
        host=arguments.host,
        port=arguments.port,
        allowed=tuple(peer_of(one) for one in arguments.allow),
        silence=arguments.silence,
        associations=arguments.associations,
        most_bytes=arguments.most_megabytes * 2**20,
        most_held_bytes=arguments.memory_megabytes * 2**20,
    )
    receiver = Receiver(
        settings,
        arrivals=arrivals_root(),
        cases=cases_root(own),
        on_complete=Afterwards(
            worklist=worklist,
            cases=cases_root(own),
            model=arguments.model,
            forward=arguments.forward,
            say=say,
        ),
        say=say_aside,
    )
    signal.signal(signal.SIGTERM, lambda *_: receiver.stop())
    context = None
    if arguments.tls_cert:
        context = tls_context(arguments.tls_cert, arguments.tls_key, arguments.tls_ca)
    try:
        receiver.serve(tls=context)
    except KeyboardInterrupt:
        receiver.stop()
    return 0


def folder_of(name: str) -> Path | None:
    """Where the things of that account lie; None where no account was named."""
    from mammo_core.sharing.accounts import known_account, list_accounts
    from mammo_core.sharing.rights import Action, why_not

    if not name:
        if list_accounts(accounts_file()):
            say_aside(
                "This server has accounts, and nobody who signs in sees what is received now. Say "
                "whose it is with --account NAME."
            )
        return None
    account = known_account(accounts_file(), name)
    if why_not(account.role, Action.ARCHIVE):
        raise ConfigError(
            f"Account {name} is that of a {account.role}, who does not see what comes from an "
            "archive. Name a researcher or an admin."
        )
    return owned_root() / account.folder


def peer_of(text: str) -> tuple[str, str]:
    from mammo_core.archive.receiver import check_title
    from mammo_core.archive.wire import plain_address

    title, equals, address = text.partition("=")
    if not (title and equals and address):
        raise ConfigError(f"{text!r} names no peer. As in: --allow MAMMO1=10.1.2.3")
    check_title(title)
    try:
        return title, plain_address(address)
    except ValueError:
        raise ConfigError(
            f"{address!r} is no address of a computer. Give it in numbers, as in --allow "
            "MAMMO1=10.1.2.3 or MAMMO1=2001:db8::1."
        ) from None


RECEIVE = Command(
    name="receive",
    summary="a DICOM node that others send studies to (C-STORE)",
    add_arguments=_add_arguments,
    run=_run,
)
