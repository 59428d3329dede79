"""The command line of start.py."""

import argparse
import sys
from pathlib import Path

from launcher.address import LOOPBACK, PORT, Place
from launcher.app import start_app
from launcher.checks import PARTS, run_checks
from launcher.environment import StartError


def run(arguments: list[str]) -> int:
    """Do what `arguments` ask for; the exit status. A StartError ends as its sentence."""
    options = read_arguments(arguments)
    try:
        if options.command == "test":
            return run_checks(
                options.only, is_all=options.all, may_install_browser=options.install_browser
            )
        return start_app(
            Place(
                host=options.host,
                port=options.port,
                names=tuple(options.name),
                cert=options.cert,
                key=options.key,
            ),
            has_token=options.token,
            is_shared=options.shared,
        )
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. The next start goes on from here.", file=sys.stderr)
        return 130


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="start.py", description="Start the workbench.")
    parser.add_argument("--port", type=_port, default=PORT, help=f"default {PORT}")
    parser.add_argument("--host", default=LOOPBACK, help=f"default {LOOPBACK}: this machine only")
    parser.add_argument(
        "--token",
        action="store_true",
        help="let in only who has the address that is printed: for a machine that others use too",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        help="a name by which the app may be called as well, as behind a proxy; may be repeated",
    )
    parser.add_argument(
        "--shared",
        action="store_true",
        help="several people use it, each with an account made by `mammo account add`; always so "
        "with a --host that others can reach (see docs/shared.md)",
    )
    parser.add_argument("--cert", type=Path, help="certificate (PEM), to be reached by https")
    parser.add_argument("--key", type=Path, help="its key (PEM)")
    commands = parser.add_subparsers(dest="command", metavar="test")
    test = commands.add_parser("test", help="run the checks and tests instead")
    test.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="run these alone")
    test.add_argument("--all", action="store_true", help="with the slow tests and the mutations")
    test.add_argument(
        "--install-browser",
        action="store_true",
        help="if there is no browser, let the system's package manager install one",
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port: choose one from 1 to 65535")
    return port
