"""`mammo data`: the data sets that were registered, so that a name stands for a folder."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.commands.command import Command, say, say_aside
from mammo_core.errors import ConfigError
from mammo_core.files import datasets_root
from mammo_core.runs.verification import Verification, Verified

if TYPE_CHECKING:
    from mammo_core.datasets.dataset import Registered


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    register = actions.add_parser("register", help="give a folder a name")
    register.add_argument("name", metavar="NAME")
    register.add_argument("folder", type=Path, metavar="DIR", help="the data set, as downloaded")
    register.add_argument(
        "--adapter", metavar="KIND", help="read it as this kind of data set (default: recognised)"
    )
    register.add_argument(
        "--label-rule", metavar="RULE", help="what makes an image positive (default: the first)"
    )
    register.add_argument(
        "--without-cancer",
        choices=[str(one) for one in Verified],
        metavar="HOW",
        help=f"what it rests on: {', '.join(map(repr, map(str, Verified)))}",
    )
    register.add_argument("--months", type=int, metavar="N", help="of follow-up (0: not known)")
    register.add_argument(
        "--only-recalled-verified",
        action="store_true",
        default=None,
        help="women who were not recalled were not verified",
    )
    actions.add_parser("list", help="list the registered data sets")
    forget = actions.add_parser("forget", help="take a name off the list; images stay")
    forget.add_argument("name", metavar="NAME")


def _run(arguments: argparse.Namespace) -> int:
    actions = {"register": _register, "list": _list, "forget": _forget}
    return actions[arguments.action](arguments)


def _register(arguments: argparse.Namespace) -> int:
    """Read once, so that a folder that cannot be read gets no name; and its classes are told."""
    from mammo_core.datasets.dataset import Registered, list_registered, read_in_question, register

    taken = {entry.name: entry for entry in list_registered(datasets_root())}
    folder = arguments.folder.resolve()
    if arguments.name in taken and taken[arguments.name].folder != str(folder):
        raise ConfigError(
            f"{arguments.name!r} is already the name of {taken[arguments.name].folder}. Choose "
            f"another, or `mammo data forget {arguments.name}` first."
        )
    dataset = read_in_question(folder, arguments.adapter, arguments.label_rule)
    entry = Registered(
        name=arguments.name,
        folder=str(folder),
        adapter=dataset.adapter.name,
        label_rule=dataset.label_rule.name,
        verification=_told(arguments, taken.get(arguments.name)),
    )
    register(datasets_root(), entry)
    say(f"{entry.name}: {dataset.adapter.title}, {len(dataset.manifest)} rows.")
    say(f"Label rule {entry.label_rule}: {dataset.label_rule.title}")
    counts = dataset.manifest["label"].value_counts()
    for name in dataset.label_rule.task.classes:
        say(f"  {name}: {counts.get(name, 0)} of {len(dataset.manifest)}")
    unknown = int(dataset.manifest["label"].isna().sum())
    if unknown:
        say(f"  no label under this rule: {unknown} of {len(dataset.manifest)}")
    say(" ".join(filter(None, (entry.verification.sentence, entry.verification.warning))))
    others = [r.name for r in dataset.adapter.label_rules if r.name != entry.label_rule]
    if others:
        say_aside(f"Other label rules: {', '.join(others)}.")
    return 0


def _told(arguments: argparse.Namespace, known: "Registered | None") -> Verification:
    """As said now, else as it was known before."""
    before = Verification() if known is None else known.verification
    how, months, of_recalled = (
        arguments.without_cancer, arguments.months, arguments.only_recalled_verified,
    )  # fmt: skip
    return Verification(
        without_cancer=before.without_cancer if how is None else Verified(how),
        months=before.months if months is None else months,
        of_recalled=before.of_recalled if of_recalled is None else of_recalled,
    )


def _list(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.dataset import list_registered

    del arguments
    entries = list_registered(datasets_root())
    for entry in entries:
        is_there = "" if Path(entry.folder).is_dir() else "  (not there)"
        say(f"{entry.name}  {entry.adapter}  {entry.label_rule}  {entry.folder}{is_there}")
    if not entries:
        say_aside("No data set is registered. `mammo data register NAME DIR` registers one.")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.dataset import forget, list_registered
    from mammo_core.errors import UnknownNameError

    known = [entry.name for entry in list_registered(datasets_root())]
    if arguments.name not in known:
        raise UnknownNameError("registered data set", arguments.name, known)
    forget(datasets_root(), arguments.name)
    say(f"{arguments.name} is off the list. Its images stay where they are.")
    return 0


DATA = Command(
    name="data",
    summary="register, list and forget data sets",
    add_arguments=_add_arguments,
    run=_run,
)
