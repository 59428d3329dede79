"""`mammo audit`: what is wrong with a data set."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from mammo_core.commands.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the data set, as downloaded")
    parser.add_argument("--adapter", help="read it as this data set (default: recognised)")
    parser.add_argument("--label-rule", help="what makes an image positive (default: the first)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write audit.json, findings.csv and report.html"
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.audit.report import write_report
    from mammo_core.datasets.audit.result import findings_table, write_audit
    from mammo_core.datasets.audit.run import audit_dataset
    from mammo_core.datasets.reading import read_in_question
    from mammo_core.files import replace_file

    dataset = read_in_question(arguments.folder, arguments.adapter, arguments.label_rule)
    print(f"{dataset.adapter.title}, {len(dataset.manifest)} rows. {dataset.label_rule.title}")
    result = audit_dataset(
        dataset, made_at=datetime.now(UTC).isoformat(timespec="seconds"), report=_show_progress
    )
    print()
    for finding in result.findings:
        print(f"{finding.severity:<8} {finding.check:<22} {finding.sentence}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_audit(result, arguments.out / "audit.json")
        table = findings_table(result).to_csv(index=False, lineterminator="\n")
        replace_file(arguments.out / "findings.csv", table)
        write_report(result, dataset.root, arguments.out / "report.html")
        print(f"\nWritten to {arguments.out}: audit.json, findings.csv, report.html")
    return 0


def _show_progress(done: int, total: int, message: str) -> None:
    print(f"\r{message:<60}", end="", flush=True)


AUDIT = Command(
    name="audit",
    summary="find what is wrong with a data set",
    add_arguments=_add_arguments,
    run=_run,
)
