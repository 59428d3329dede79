"""`mammo report`: a study report, or a model card in words, of a run."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from mammo_core.commands.command import Command
from mammo_core.errors import ConfigError
from mammo_core.paths import audits_root, checkpoints_root, shipped_checkpoints_root


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="its name, as `mammo runs` tells it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="else a file here, named by RUN")
    parser.add_argument("--format", choices=("html", "md"), help="else as FILE ends, or html")
    parser.add_argument("--card", action="store_true", help="the model card instead of a report")


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.files import replace_file
    from mammo_core.reports.study_files import Format, card_text, study_text
    from mammo_core.runs.folder import find_run

    roots = (checkpoints_root(), shipped_checkpoints_root())
    run = find_run(arguments.run, *roots)
    form = Format(arguments.format or _form_of(arguments.out))
    what = "card" if arguments.card else "report"
    out = arguments.out or Path(f"{run.run_id}-{what}.{form}")
    if not out.parent.is_dir():
        raise ConfigError(f"There is no folder {out.parent} to write {out.name} to.")
    if arguments.card:
        text = card_text(run, roots, audits=audits_root(), form=form)
    else:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = study_text(run, roots, audits=audits_root(), form=form, by="mammo report", now=now)
    replace_file(out, text)
    print(out)
    return 0


def _form_of(out: Path | None) -> str:
    return "md" if out is not None and out.suffix.lower() in (".md", ".markdown") else "html"


REPORT = Command(
    name="report",
    summary="write a study report or a model card in words",
    add_arguments=_add_arguments,
    run=_run,
)
