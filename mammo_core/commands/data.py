"""`mammo audit`, `prepare`, `phantom`: what is wrong with a set, prepared ahead, or made up."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mammo_core.commands.command import Command, at_least, say, say_aside, show_progress
from mammo_core.config import PrepareSettings, RunConfig, load_settings
from mammo_core.errors import ConfigError
from mammo_core.files import audits_root, cache_root
from mammo_core.types import Size

if TYPE_CHECKING:
    from mammo_core.datasets.audit.result import AuditResult


def _add_audit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the data set, as downloaded")
    parser.add_argument("--adapter", help="read it as this data set (default: recognised)")
    parser.add_argument("--label-rule", help="what makes an image positive (default: the first)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write audit.json, findings.csv and report.html"
    )


def _run_audit(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.audit.report import keep_audit, write_report
    from mammo_core.datasets.audit.result import AuditResult, findings_table, write_audit
    from mammo_core.datasets.audit.run import FirstAnswer, audit_dataset
    from mammo_core.datasets.dataset import read_in_question
    from mammo_core.files import replace_file
    from mammo_core.tables import to_safe_csv

    dataset = read_in_question(arguments.folder, arguments.adapter, arguments.label_rule)
    if arguments.out is not None:
        _make_folder(arguments.out)  # before all images are looked at, not after
    say(f"{dataset.adapter.title}, {len(dataset.manifest)} rows. {dataset.label_rule.title}")

    def show_first(found: AuditResult) -> None:
        say_aside(f"First answer, from {found.looked_at} of {found.images} files:")
        for line in _found(found):
            say_aside(line)

    result = audit_dataset(
        dataset,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        report=show_progress,
        first=FirstAnswer(tell=show_first),
    )
    say(f"{result.images} images: {result.whose}.")
    for line in _found(result):
        say(line)
    kept = keep_audit(dataset, result, audits_root())
    say_aside(f"Kept in {kept.path}, where the reports of trainings look for it.")
    if arguments.out is not None:
        write_audit(result, arguments.out / "audit.json")
        table = to_safe_csv(findings_table(result))
        replace_file(arguments.out / "findings.csv", table)
        write_report(result, dataset.root, arguments.out / "report.html")
        say(f"Written to {arguments.out}: audit.json, findings.csv, report.html")
    return 0


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"{out} is a file or lies below one. Name a folder for --out.") from None


def _found(result: "AuditResult") -> list[str]:
    return [f"{one.severity:<8} {one.check:<22} {one.sentence}" for one in result.findings]


AUDIT = Command(
    name="audit",
    summary="find what is wrong with a data set",
    add_arguments=_add_audit_arguments,
    run=_run_audit,
)


_MOST_TOLD = 20  # unreadable files


def _add_prepare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DIR", help="a folder, or a registered data set's name")
    parser.add_argument(
        "--adapter", metavar="NAME", help="the kind of data set (default: recognised)"
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--recipe", metavar="NAME", help="prepare as this recipe does")
    start.add_argument("--config", type=Path, metavar="FILE", help="prepare as this run.json does")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("ROWS", "COLUMNS"), help="use another size"
    )
    parser.add_argument(
        "--processes", type=at_least(0), default=0, metavar="N", help="default: all cores"
    )
    parser.add_argument("--plan", action="store_true", help="say what it would need, and stop")


def _run_prepare(arguments: argparse.Namespace) -> int:
    from mammo_core.datasets.dataset import find_folder, read_in_question
    from mammo_core.datasets.prepared import in_words, plan_preparing, prepare_dataset

    settings = _settings(arguments)
    dataset = read_in_question(find_folder(arguments.data), arguments.adapter)
    plan = plan_preparing(dataset, settings)
    rows, columns = settings.size
    say(
        f"{dataset.adapter.title}: {plan.files} images as {rows} x {columns}, "
        f"{len(plan.missing)} to prepare. They take up to {plan.most_bytes / 2**30:.1f} GB in "
        f"{cache_root()}, where {plan.free_bytes / 2**30:.1f} GB are free."
    )
    if arguments.plan:
        return 0
    built = prepare_dataset(dataset, settings, processes=arguments.processes, report=show_progress)
    for problem in built.unreadable[:_MOST_TOLD]:
        say_aside(f"{problem.file}: {problem.reason}")
    say(in_words(built))
    return 1 if built.unreadable else 0


def _settings(arguments: argparse.Namespace) -> PrepareSettings:
    settings = PrepareSettings()
    if arguments.config:
        settings = load_settings(arguments.config, RunConfig).prepare
    elif arguments.recipe:
        from mammo_core.training.recipes import get_recipe

        settings = get_recipe(arguments.recipe).prepare
    if arguments.size:
        settings = replace(settings, size=tuple(arguments.size))
    return settings


PREPARE = Command(
    name="prepare",
    summary="read and prepare a data set ahead of training",
    add_arguments=_add_prepare_arguments,
    run=_run_prepare,
)


_OF_A_SET: Final = {"women": 200, "seed": 0, "size": "1024x512", "format": "png", "contrast": 1.0}


def _add_phantom_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, metavar="DIR", help="write a data set here")
    what.add_argument("--samples", type=Path, metavar="DIR", help="write the few samples here")
    parser.add_argument("--women", type=at_least(1), help="how many women (default 200)")
    parser.add_argument("--seed", type=at_least(0), help="same seed, same bytes (default 0)")
    parser.add_argument("--size", help="height x width (default 1024x512)")
    parser.add_argument("--format", choices=("png", "dicom"), help="of the images (default png)")
    parser.add_argument("--contrast", type=float, help="of the lesions (default 1)")
    parser.set_defaults(**_OF_A_SET)


def _run_phantom(arguments: argparse.Namespace) -> int:
    from mammo_core.preprocessing.phantoms.shipped import write_samples
    from mammo_core.preprocessing.phantoms.women import write_phantom_set

    if arguments.samples:
        changed = [name for name, own in _OF_A_SET.items() if getattr(arguments, name) != own]
        if changed:
            raise ConfigError(
                f"--{changed[0]} is of a data set (--out). The samples are always the same."
            )
        write_samples(arguments.samples)
        say(f"Seven synthetic mammograms, with their truth, in {arguments.samples}")
        return 0
    write_phantom_set(
        arguments.out,
        women=arguments.women,
        seed=arguments.seed,
        size=_parse_size(arguments.size),
        image_format=arguments.format,
        lesion_contrast=arguments.contrast,
    )
    say(f"{arguments.women} synthetic women, four views each, in {arguments.out}")
    return 0


def _parse_size(text: str) -> Size:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"The size is {text!r}; write height x width, for example 1024x512.")
    return int(height), int(width)


PHANTOM = Command(
    name="phantom",
    summary="write synthetic mammograms, with their truth",
    add_arguments=_add_phantom_arguments,
    run=_run_phantom,
)
