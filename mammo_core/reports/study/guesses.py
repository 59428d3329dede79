"""What guesses without a network reach on the very cases of a report: what the model must beat."""

from collections.abc import Iterator
from dataclasses import dataclass

from mammo_core.errors import MammoError
from mammo_core.metrics.cases import pool_cases, why_no_auc
from mammo_core.metrics.compare import Difference, auc_difference, in_order_of, says_one_thing
from mammo_core.metrics.uncertainty import Estimate, auc_with_interval
from mammo_core.reports.document import Block, Paragraph, Table, warning
from mammo_core.reports.study.results import Results
from mammo_core.reports.study.study import RunStudy
from mammo_core.reports.wording import estimate_in_words
from mammo_core.types import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """`lead` is what the model's AUC is above that of the guess, on the same cases."""

    name: str
    auc: Estimate | None  # None: it says the same of everybody
    lead: Difference | None


def guesses_of(study: RunStudy, results: Results) -> tuple[Guess, ...]:
    """The baselines that score all cases of the report."""
    table, main = study.baselines, results.main.cases
    if table is None or study.is_external or why_no_auc(main):
        return ()
    found = []
    is_test = (table["split"] == Split.TEST).fillna(value=False)
    tested = table if table["split"].isna().all() else table[is_test]
    for name, rows in tested.groupby("model_id", sort=False):
        try:
            cases = in_order_of(main, pool_cases(rows, main.level, main.rule))
        except MammoError:
            continue  # they lack what these cases are counted by
        if cases is None:
            continue
        is_flat = says_one_thing(cases)
        found.append(
            Guess(
                name=str(name).removeprefix("baseline: "),
                auc=None if is_flat else auc_with_interval(cases),
                lead=None if is_flat else auc_difference(main, cases),
            )
        )
    return tuple(found)


def guesses_in_blocks(study: RunStudy, results: Results) -> Iterator[Block]:
    guesses = guesses_of(study, results)
    if not guesses:
        yield warning(
            "What guesses without a network reach on these cases is not known: no baselines were "
            "fitted beside this run that score all of them. The Compare page fits them."
        )
        return
    yield Paragraph(
        text="Fitted on the training women, scored on the very cases above. A model that does not "
        "lead the best of them has not been shown to see anything in the images."
    )
    yield Table(
        header=("Guess", "AUC", "The model's AUC above it"),
        rows=tuple((guess.name, _auc(guess), _lead(guess.lead)) for guess in guesses),
    )


def _auc(guess: Guess) -> str:
    return "0.500, one score for all" if guess.auc is None else estimate_in_words(guess.auc)


def _lead(lead: Difference | None) -> str:
    if lead is None:
        return "as its AUC above 0.5"
    return f"{lead.value:+.3f} (95 % {lead.low:+.3f} to {lead.high:+.3f})"
