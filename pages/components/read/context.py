"""What stands around a score: its rank, a chance at a prevalence one sets, how familiar the image
is, images alike, ensembles, and a second model.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mammo_core.errors import MammoError
from mammo_core.glossary import meaning
from mammo_core.inference.ensembles import ensembles_with
from mammo_core.inference.interpretation import (
    chance_at,
    unlike_in_words,
    why_outside,
    why_uncompared,
)
from mammo_core.inference.verdict import ScoredCase, nouns_of
from mammo_core.partners import partners_among
from mammo_core.preprocessing.cases import Case, load_mammogram
from mammo_core.reading import Reading
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.sidecars import Embeddings
from mammo_core.scores import shown_digits
from mammo_core.types import Task
from mammo_core.words import OUTSIDE, CalledFor, finding_of
from mammo_core.zoo.published import slots_of
from pages.components.read.pictures import Layer, pick_method
from pages.components.read.reading import (
    CaseReading,
    kept_embeddings,
    read_images,
    reference_of,
    warm,
)
from pages.components.read.scores import (
    Alarm,
    Fit,
    fit_of,
    scored_images,
    show_refused,
    show_scores,
    validation_cases,
)
from pages.components.shared import cached
from pages.components.shared.frame import escaped, noted_errors
from pages.components.shared.pickers import (
    all_runs,
    all_titles,
    pick_name,
    reading_models,
    title_of,
)
from pages.components.shared.runs import dataset_of
from pages.components.shared.whose import cases_root

_WARNING = ":material/warning:"
_WHITE = 65535
_SIMILAR = 4
PAIRED = "Alike, each with its other view beside it: two views make the likeness, one is shown."


def show_similar(case: Case, run: RunFolder, read: CaseReading, kept: Embeddings) -> None:
    card = cached.card(run)
    pictures = []
    for image_id, reading in read.readings.items():
        st.caption(f"**{escaped(case.image(image_id).title)}**")
        pictures.append(_show_neighbours(run, card, kept, reading))
    if card.model.views == 2:
        st.caption(PAIRED)
    if not any(pictures):
        st.caption("Their pictures are not prepared on this computer, so only words are shown.")


def _show_neighbours(run: RunFolder, card: ModelCard, kept: Embeddings, reading: Reading) -> int:
    """The nearest images of training and validation; how many of them have a picture here."""
    from mammo_core.inference.interpretation import nearest

    found = 0
    columns = st.columns(_SIMILAR)
    for place, one in enumerate(nearest(reading.embedding, kept, count=_SIMILAR)):
        with columns[place]:
            picture = cached_picture(run, card, one.image_id)
            if picture is not None:
                st.image(picture, width="stretch", alt=f"{one.title}, {one.label}")
                found += 1
            st.caption(
                f"{escaped(one.title)}, {escaped(one.label)}, {escaped(one.split)}, "
                f"likeness {one.likeness:.3f}"
            )
    return found


def cached_picture(run: RunFolder, card: ModelCard, image_id: str) -> NDArray[np.uint8] | None:
    """The image as the model saw it; None where this computer does not have it prepared."""
    from mammo_core.datasets.prepared import cache_of
    from mammo_core.preprocessing.cache import open_images

    try:
        dataset = dataset_of(run)
    except MammoError:  # its data set is not registered here, or was moved
        return None
    row = dataset.manifest[dataset.manifest["image_id"] == image_id]
    if row.empty:
        return None
    cache = cache_of(card.prepare, dataset.root, row)
    try:
        images = open_images(cache, [dataset.root / str(row["path"].iloc[0])])
    except (MammoError, OSError):
        return None
    levels: NDArray[Any] = images.take(np.array([0]))[0]
    return np.asarray(levels // (_WHITE // 255), dtype=np.uint8)


def show_members(case: Case, read: CaseReading) -> None:
    """Each member's score on the ensemble's scale, by image."""
    titles = all_titles()
    names = [titles.get(member, member) for member in read.members]
    for image_id, joined in read.joined.items():
        parts = zip(names, joined.members, strict=True)
        told = ", ".join(f"{escaped(name)} {shown_digits(score)}" for name, score in parts)
        st.caption(
            f"{escaped(case.image(image_id).title)}: {shown_digits(joined.score)}, its members "
            f"from {shown_digits(joined.lowest)} to {shown_digits(joined.highest)} ({told})."
        )
    st.caption(
        "How far models lie apart is no interval for this woman. How familiar the images are, how "
        "steady the scores and which images look alike is told of one model: choose a member."
    )


def show_ensembles(case: Case, run: RunFolder, read: CaseReading) -> None:
    """Nothing where the model belongs to no ensemble."""
    found = ensembles_with(run.run_id, all_runs())
    if not found or not st.toggle(
        "What ensembles with this model say", key="ensembles", help=meaning("Ensemble")
    ):
        return
    images = [case.image(image_id) for image_id in read.readings]
    for ensemble in found:
        with noted_errors():
            st.caption(f"**{escaped(title_of(ensemble))}**")
            show_members(case, read_images(ensemble, case, images))


@st.fragment
def show_context(
    case: Case, run: RunFolder, read: CaseReading, cases: Sequence[ScoredCase]
) -> None:
    with noted_errors():
        if not _is_uncompared(case, run, read):
            _show_chances(run, cases, finding_of(cached.card(run).task))
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
    if kept is not None and st.toggle(
        "Images that look alike to the model", key="similar", help=meaning("Embedding")
    ):
        show_similar(case, run, read, kept)


def _show_chances(run: RunFolder, cases: Sequence[ScoredCase], finding: CalledFor) -> None:
    per_thousand = st.number_input(
        f"With {escaped(finding.one)} among 1,000 (of yours)", min_value=0.1, max_value=900.0,
        value=None, step=0.1, placeholder="not set", key="prevalence", bind="query-params",
        help="The set that scores come from has a share of its own, of cancers a larger one than "
        "screening. Only at a prevalence you name can they be turned into a share.\n\n"
        + meaning("Prevalence", "PPV"),
    )  # fmt: skip
    if per_thousand is None:
        return
    for case in cases:
        validation = validation_cases(run, case.level, case.rule)
        found = (
            None
            if validation is None
            else chance_at(case.score, validation, prevalence=per_thousand / 1000)
        )
        told = "too few women to compare with to make a percentage of."
        if found is not None:
            told = (
                f"of {nouns_of(case.level)} that score so, {found.value:.1%} would have "
                f"{finding.one} ({found.low:.1%} to {found.high:.1%}), as calibrated on "
                f"{found.positives:,} with and {found.negatives:,} without."
            )
        st.caption(escaped(f"{case.title}: {told}"))


def _familiar(
    case: Case, run: RunFolder, read: CaseReading, *, is_unlike: bool
) -> dict[str, list[str]]:
    """What is said of how many images, by sentence."""
    from mammo_core.inference.interpretation import familiarity

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
    from mammo_core.inference.interpretation import spread_of

    ready = warm(run)
    images = [case.image(image_id) for image_id in read.readings]
    loaded = [load_mammogram(cases_root(), case, one) for one in images]
    has_places = bool(slots_of(ready.checkpoint.card.model))
    partners = partners_among([one.ref for one in images])
    for image, own, partner in zip(images, loaded, partners, strict=True):
        beside = loaded if has_places else [loaded[partner]]
        spread = spread_of(ready.checkpoint, ready.engine, own, *beside)
        st.caption(
            f"{escaped(image.title)}: {shown_digits(spread.lowest)} to "
            f"{shown_digits(spread.highest)} as it is, mirrored and shifted ({len(spread.scores)} "
            "looks)."
        )
    st.caption("This tells how steady the model is. It is no interval for this woman.")


def pick_second(runs: Sequence[RunFolder], first: RunFolder | None) -> RunFolder | None:
    """Another model to read the same case, or none."""
    others = {run.run_id: run for run in runs if first is None or run.run_id != first.run_id}
    if not others or first is None:
        return None
    titles = {"": "no second model", **all_titles()}
    return others.get(pick_name("Beside it", ["", *others], key="second", titles=titles))


def read_with(run: RunFolder | None, case: Case) -> Layer | None:
    """`case` as `run` reads it; None, and why in words, where it cannot."""
    found = None
    if run is not None:
        with noted_errors():
            fit = _fit(case, run)
            found = Layer(run=run, read=read_images(run, case, fit.scored, method=pick_method()))
    return found


def show_judged(
    case: Case,
    layer: Layer,
    *,
    confirm: Callable[[], None] = lambda: None,
    beneath: Callable[[], None] = lambda: None,
) -> list[ScoredCase]:
    """What one model says of the case, in few words; its breasts and exam come back. `confirm`
    offers what a verdict waits for, `beneath` shows what belongs under the scores; both stand there
    too where no image has a score.
    """
    run, read = layer.run, layer.read
    card, fit = cached.card(run), _fit(case, run)
    st.markdown(f"**{escaped(title_of(run))}**")
    show_refused(fit)
    if fit.outside:
        _show_ways_out(case, run, fit)
    if not read.readings:
        confirm()
        beneath()
        return []
    images = scored_images(case, read.readings)
    cases = show_scores(images, run, card, fit, alarms=_alarms(case, run, read), confirm=confirm)
    if any(image.is_outside for image in images):
        st.button(
            "Take the score back", icon=":material/undo:", key=f"take_back_{run.run_id}",
            on_click=_asked_for().discard, args=(_asking(case, run),),
        )  # fmt: skip
    beneath()
    return cases


def _alarms(case: Case, run: RunFolder, read: CaseReading) -> list[Alarm]:
    """Why the score or the heatmap may mean nothing: what the image is, where the evidence lies."""
    line = unlike_in_words(cached.card(run))
    unlike = _familiar(case, run, read, is_unlike=True)
    told = [
        Alarm(line=line, sentence=f"{', '.join(titles)}: {sentence}")
        for sentence, titles in unlike.items()
    ]
    at_rim = [
        Alarm(
            line=f"{case.image(image_id).title}: much of the evidence lies at the breast's edge.",
            sentence=f"{case.image(image_id).title}: {drawn.warning}",
        )
        for image_id, drawn in read.drawn.items()
        if drawn.warning
    ]
    return [*told, *at_rim]


def _show_ways_out(case: Case, run: RunFolder, fit: Fit) -> None:
    """What to do about images of a kind this model does not know, where the score would stand."""
    task = cached.card(run).task
    other = next((one for one in reading_models() if _knows(one, fit, task)), None)
    with st.container(gap="small"):
        if other is not None:
            st.button(
                escaped(f"Read with {title_of(other)}"), type="primary",
                icon=":material/swap_horiz:", key=f"other_model_{run.run_id}",
                on_click=_choose, args=(other.run_id,),
            )  # fmt: skip
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        with st.popover("Import weights", icon=":material/upload:"):
            st.caption("A checkpoint that somebody exported, on the computer that serves this:")
            st.code("mammo checkpoints import model.zip", language="shell")
        st.button(
            "Score anyway", icon=_WARNING, key=f"anyway_{run.run_id}",
            on_click=_asked_for().add, args=(_asking(case, run),),
            help=f"Picture, score and exports are marked “{OUTSIDE}”; no threshold judges it.",
        )  # fmt: skip


def _knows(run: RunFolder, fit: Fit, task: Task) -> bool:
    """Whether `run` looks for the same thing and has learnt from images such as were refused."""
    try:
        card = cached.card(run)
    except MammoError:
        return False  # it is broken, as its own page says
    return card.task.name == task.name and not any(why_outside(card, one) for one in fit.outside)


def _choose(name: str) -> None:
    st.session_state["model"] = name


def _fit(case: Case, run: RunFolder) -> Fit:
    return fit_of(case, cached.card(run), is_anyway=_asking(case, run) in _asked_for())


def _asking(case: Case, run: RunFolder) -> str:
    return f"{case.case_id} {run.run_id}"


def _asked_for() -> set[str]:
    """The cases to be scored although the model does not know such images; with the session they
    are forgotten, and whoever opens the link is asked anew.
    """
    asked: set[str] = st.session_state.setdefault("scored_anyway", set())
    return asked
