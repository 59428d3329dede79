"""`mammo account` and `mammo access-log`: who may sign in to a shared server, and what they did."""

import argparse
import getpass
import shutil
import sys

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.errors import ConfigError, RunError
from mammo_core.files import access_log, accounts_file, owned_root
from mammo_core.sharing.rights import Role


def _add_account_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="let somebody sign in; asks for a password")
    add.add_argument("name", metavar="NAME", help="small letters, as in anna or anna@lab.example")
    add.add_argument("--role", type=Role, choices=list(Role), default=Role.READER)
    add.add_argument(
        "--without-password",
        action="store_true",
        help="signs in through the identity provider in .streamlit/secrets.toml alone",
    )
    actions.add_parser("list", help="list the accounts")
    remove = actions.add_parser("remove", help="sign somebody out for good; what is theirs stays")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument(
        "--forget", action="store_true", help="delete their cases, lists, studies and tags as well"
    )
    password = actions.add_parser("password", help="give an account another password")
    password.add_argument("name", metavar="NAME")


def _run_account(arguments: argparse.Namespace) -> int:
    actions = {"add": _add, "list": _list, "remove": _remove, "password": _password}
    return actions[arguments.action](arguments)


def _add(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.accounts import add_account

    password = "" if arguments.without_password else _ask_password()
    if not password and not arguments.without_password:
        raise ConfigError(
            "The password is empty. Type one, or give --without-password where an identity "
            "provider vouches for this account."
        )
    account = add_account(accounts_file(), arguments.name, arguments.role, password=password)
    say(f"{account.name} may sign in as {account.role}.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.accounts import list_accounts

    for one in list_accounts(accounts_file()):
        way = "password" if one.password else "identity provider"
        say(f"{one.name}  {one.role}  {way}  {one.created_at}  {one.folder}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.accounts import remove_account

    gone = remove_account(accounts_file(), arguments.name)
    folder = owned_root() / gone.folder
    if arguments.forget:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise RunError(f"accounts/{gone.folder} in the home could not be deleted whole.")
    say(f"{gone.name} may no longer sign in.")
    if folder.exists():
        say_aside(f"What was theirs is kept in accounts/{gone.folder} until you delete it.")
    return 0


def _password(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.accounts import set_password

    set_password(accounts_file(), arguments.name, _ask_password())
    say(f"{arguments.name} has another password, and is signed out wherever it was signed in.")
    return 0


def _ask_password() -> str:
    """Never from the command line, where other accounts of the machine could read it."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Once more: "):
        raise ConfigError("The two are not the same. Run the command again.")
    return password


def _add_log_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = actions.add_parser("verify", help="whether a line was changed, taken out or put in")
    verify.add_argument(
        "--noted",
        default="",
        metavar="HASH",
        help="as an earlier verify printed it: is it still there?",
    )
    show = actions.add_parser("show", help="print the log, a line for each access")
    show.add_argument("--account", metavar="NAME", help="of this account alone")


def _run_log(arguments: argparse.Namespace) -> int:
    return {"verify": _verify, "show": _show}[arguments.action](arguments)


def _verify(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.access_log import verify

    found = verify(access_log(), noted=arguments.noted)
    if not found.holds_noted:
        raise RunError(
            f"None of the {found.lines} lines has the hash that was noted: lines were cut off the "
            "end, or the log was made anew."
        )
    say(f"{found.lines} lines, each follows from the one before it. Hash of the last: {found.last}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from mammo_core.sharing.access_log import read_accesses

    for one in read_accesses(access_log()):
        if arguments.account in (None, one.account):
            told = [one.at, one.account, one.action, one.case, one.model, one.about]
            say("  ".join(filter(None, told)))
    return 0


ACCOUNT = Command(
    name="account",
    summary="who may sign in to a server that several people share",
    add_arguments=_add_account_arguments,
    run=_run_account,
)
ACCESS_LOG = Command(
    name="access-log",
    summary="what was done on a server that several people share",
    add_arguments=_add_log_arguments,
    run=_run_log,
)
