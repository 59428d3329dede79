"""`mammo plan`: how many women a study needs."""

import argparse

from mammo_core.commands.command import Command, say


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", choices=("AUC", "sensitivity", "specificity"))
    parser.add_argument("--expected", type=float, required=True, metavar="SHARE", help="its value")
    parser.add_argument(
        "--other",
        type=float,
        metavar="SHARE",
        help="of another model, or of readers with one: then a difference is to be seen",
    )
    parser.add_argument(
        "--reach",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="of one model's 95 %% interval to either side (default 0.05)",
    )
    parser.add_argument(
        "--power", type=float, default=0.8, help="to see the difference (default 0.8)"
    )
    parser.add_argument(
        "--prevalence",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of the women of the study, those with cancer (default 0.5)",
    )
    parser.add_argument("--cases-per-woman", type=float, default=1.0, metavar="N", help="default 1")
    parser.add_argument(
        "--likeness",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of one woman's cases, an intraclass correlation (default 0.5)",
    )
    parser.add_argument(
        "--correlation",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of the two models' figures (default 0.5)",
    )
    parser.add_argument(
        "--readers", type=int, default=0, metavar="N", help="who read without and with the model"
    )
    parser.add_argument(
        "--reader-likeness",
        type=float,
        default=0.47,
        metavar="SHARE",
        help="of one reader's errors without and with the model, a correlation (default 0.47)",
    )
    parser.add_argument(
        "--reader-spread",
        type=float,
        default=0.02,
        metavar="SHARE",
        help="between readers, of what the model brings them: a standard deviation (default 0.02)",
    )


def _run(arguments: argparse.Namespace) -> int:
    from mammo_core.metrics.planning import PlannedFigure, StudyPlan, women_needed

    needed = women_needed(
        StudyPlan(
            figure=PlannedFigure(arguments.figure),
            expected=arguments.expected,
            other=arguments.other,
            reach=arguments.reach,
            power=arguments.power,
            prevalence=arguments.prevalence,
            cases_per_woman=arguments.cases_per_woman,
            likeness=arguments.likeness,
            correlation=arguments.correlation,
            readers=arguments.readers,
            reader_likeness=arguments.reader_likeness,
            reader_spread=arguments.reader_spread,
        )
    )
    for line in (needed.sentence, *needed.remarks):
        say(line)
    return 0


PLAN = Command(
    name="plan",
    summary="how many women a study needs",
    add_arguments=_add_arguments,
    run=_run,
)
