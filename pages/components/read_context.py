"""What stands around a score: its rank, a chance at a prevalence one sets, how familiar the image
is to the model, how steady the score, and which images look alike. None of it changes the score.
"""

from collections.abc import Sequence

import streamlit as st

from mammo_core.inference.fitness import why_uncompared
from mammo_core.inference.standing import chance_at
from mammo_core.inference.verdict import ScoredCase, nouns_of
from mammo_core.metrics.cases import Cases
from mammo_core.partners import partners_among
from mammo_core.paths import cases_root
from mammo_core.preprocessing.case_store import Case, load_mammogram
from mammo_core.runs.folder import RunFolder
from pages.components import cached
from pages.components.guard import escaped, noted_errors
from pages.components.read_ensemble import show_ensembles, show_members
from pages.components.read_scores import validation_cases
from pages.components.reading import CaseReading
from pages.components.similar import show_similar
from pages.components.warm import kept_embeddings, reference_of, warm


def show_unfamiliar(case: Case, run: RunFolder, read: CaseReading) -> None:
    """A plain warning for images unlike any the model learnt from; nothing for the others."""
    for sentence, titles in _familiar(case, run, read, is_unlike=True).items():
        st.warning(f"{escaped(', '.join(titles))}: {sentence}", icon=":material/warning:")


@st.fragment
def show_context(
    case: Case, run: RunFolder, read: CaseReading, cases: Sequence[ScoredCase]
) -> None:
    with noted_errors():
        if not _is_uncompared(case, run, read):
            _show_chances(run, cases)
    if read.members:
        show_members(case, read)
        return
    for sentence, titles in _familiar(case, run, read, is_unlike=False).items():
        st.caption(f"{escaped(', '.join(titles))}: {sentence}")
    kept = kept_embeddings(run)
    if kept is None:
        st.caption(
            "This checkpoint keeps no embeddings, so how familiar the images are to it cannot be "
            "told. `mammo checkpoints embed` makes them where its data set is at hand."
        )
    if st.toggle("How steady the scores are", key="steady"):
        _show_spread(case, run, read)
    show_ensembles(case, run, read)
    if kept is not None and st.toggle("Images that look alike to the model", key="similar"):
        show_similar(case, run, read, kept)


def _show_chances(run: RunFolder, cases: Sequence[ScoredCase]) -> None:
    per_thousand = st.number_input(
        "With cancer among 1,000 (of yours)", min_value=0.1, max_value=900.0, value=None, step=0.1,
        placeholder="not set", key="prevalence", bind="query-params",
        help="Scores come from a set with more cancers than screening has. Only at a prevalence "
        "you name can they be turned into a share.",
    )  # fmt: skip
    if per_thousand is None:
        return
    for case in cases:
        validation = validation_cases(run, case.level, case.rule)
        chance = None if validation is None else _chance(case, validation, per_thousand / 1000)
        if chance is None:
            st.caption(f"{escaped(case.title)}: too few validation women to make a percentage of.")
        else:
            st.caption(f"{escaped(case.title)}: {chance}")


def _chance(case: ScoredCase, validation: Cases, prevalence: float) -> str | None:
    found = chance_at(case.score, validation, prevalence=prevalence)
    if found is None:
        return None
    return (
        f"of {nouns_of(case.level)} that score so, {found.value:.1%} would have cancer "
        f"({found.low:.1%} to {found.high:.1%}), as calibrated on {found.positives:,} with and "
        f"{found.negatives:,} without."
    )


def _familiar(
    case: Case, run: RunFolder, read: CaseReading, *, is_unlike: bool
) -> dict[str, list[str]]:
    """What is said of how many images, by sentence."""
    from mammo_core.inference.familiarity import familiarity

    said: dict[str, list[str]] = {}
    with noted_errors():
        reference = reference_of(run)
        if reference is None or _is_uncompared(case, run, read):
            return said
        for image_id, reading in read.readings.items():
            told = familiarity(reading.embedding, reference)
            if told.is_unlike is is_unlike:
                said.setdefault(told.in_words, []).append(case.image(image_id).title)
    return said


def _is_uncompared(case: Case, run: RunFolder, read: CaseReading) -> bool:
    refs = [case.image(image_id).ref for image_id in read.readings]
    return bool(why_uncompared(cached.card(run), refs))


def _show_spread(case: Case, run: RunFolder, read: CaseReading) -> None:
    from mammo_core.inference.spread import spread_of

    ready = warm(run)
    images = [case.image(image_id) for image_id in read.readings]
    for image, beside in zip(images, partners_among([one.ref for one in images]), strict=True):
        views = [load_mammogram(cases_root(), case, one) for one in (image, images[beside])]
        spread = spread_of(ready.checkpoint, ready.engine, *views)
        st.caption(
            f"{escaped(image.title)}: {spread.lowest:.2f} to {spread.highest:.2f} as it is, "
            f"mirrored and shifted ({len(spread.scores)} looks)."
        )
    st.caption("This tells how steady the model is. It is no interval for this woman.")
