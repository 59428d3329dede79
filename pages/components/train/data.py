"""Which images a run learns from: the set, its label rule, its audit, and how it is split."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mammo_core.config import DataConfig
from mammo_core.datasets.audit.result import AUDIT_FILE, Severity
from mammo_core.datasets.dataset import (
    Dataset,
    Registered,
    get_adapter,
    get_label_rule,
    latest_audit,
    recognise_adapter,
)
from mammo_core.datasets.splits import split_as_set, stamps_of
from mammo_core.files import audits_root, home
from mammo_core.glossary import meaning
from mammo_core.partners import is_lone, partners_of
from mammo_core.preprocessing.phantoms.apart import draw_apart
from mammo_core.sharing.rights import Action
from mammo_core.tables import positive_of
from mammo_core.training.preflight import few_to_choose_by, in_sentences
from mammo_core.types import CANCER, Split, Task
from pages.components.shared import cached
from pages.components.shared.example import offer_example
from pages.components.shared.frame import escaped, shown_errors
from pages.components.shared.pickers import around
from pages.components.shared.whose import is_off, list_registered, register, require

_OWN: Final = "Women dealt out at random"
_OFFICIAL: Final = "The split the data set brings"
_PUBLISHED: Final = "As published, mistakes included"


def pick_split(
    entry: Registered,
    dataset: Dataset,
    before: DataConfig,
    *,
    key: str,
    task: Task,
    attention: DeltaGenerator,
) -> tuple[DataConfig, tuple[str, ...]]:
    """`before` as changed here, and what has still to be done in words. `key` names defaults; what
    stands in the way is asked in `attention`.
    """
    has_own = {Split.TRAIN, Split.TEST} <= set(dataset.manifest["split"].dropna())
    is_leaky = before.unit == "image" or before.is_test_validation
    options = [*[_PUBLISHED] * is_leaky, *[_OFFICIAL] * has_own, _OWN]
    default = _PUBLISHED if is_leaky else _OFFICIAL if before.is_official_split else _OWN
    split = _OWN
    if len(options) > 1:
        split = st.segmented_control(
            "Split",
            options,
            default=default if default in options else _OWN,
            required=True,
            key=f"train_split_{entry.name}_{key}",
            help=meaning("Split", "Leak"),
        )
    is_by_image = split == _PUBLISHED and before.unit == "image"
    is_official = has_own and split != _OWN and not is_by_image
    left, middle, right, last = st.columns(4)
    val = left.number_input(
        "Share for validation",
        *around(0.05, 0.5, before.val_fraction),
        0.05,
        key=f"train_val_{key}",
        help=meaning("Split"),
    )
    test = middle.number_input(
        "Share for the test", *around(0.05, 0.6, before.test_fraction), 0.05,
        key=f"train_test_{key}", disabled=is_official,
    )  # fmt: skip
    seed = right.number_input(
        "Seed of the split",
        0,
        None,
        before.split_seed,
        key=f"train_deal_{key}",
        help=meaning("Seed"),
    )
    learnt_from = last.number_input(
        "Share of the training women", *around(0.01, 1.0, before.train_share), 0.05,
        key=f"train_learnt_from_{key}",
        help="1 learns from all of them. Runs on smaller shares, tested on the same women, make a "
        "learning curve on Compare; `mammo learning-curve` trains several at once.\n\n"
        + meaning("Learning curve"),
    )  # fmt: skip
    data = replace(
        before,
        folder=entry.folder,
        adapter=entry.adapter,
        label_rule=entry.label_rule,
        is_official_split=is_official or not has_own,
        val_fraction=val,
        test_fraction=test,
        split_seed=seed,
        train_share=learnt_from,
        is_leak_allowed=False,
    )
    if split != _PUBLISHED:
        data = replace(data, unit="woman", has_copies=False, is_test_validation=False)
    stamps = _stamps_of(dataset, data, task) if split != _OWN else ()
    if not stamps:  # a mistake that these data do not let one make is no mistake here
        return replace(data, is_leak_allowed=split == _PUBLISHED), ()
    attention.error(
        f"{' '.join(in_sentences(stamps))} A network recognises a woman it has learnt from: what "
        "it reaches on such a test means nothing.",
        icon=":material/error:",
    )
    is_taken = attention.checkbox(
        "I know. Let every result of this run be stamped with it.", key=f"train_leak_{entry.name}"
    )
    undone = () if is_taken else ("Acknowledge the leak, or deal the women out anew.",)
    # A mistake on purpose is asked for by choosing it; what is undone keeps it from being started.
    return replace(data, is_leak_allowed=is_taken or split == _PUBLISHED), undone


def _stamps_of(dataset: Dataset, data: DataConfig, task: Task) -> tuple[str, ...]:
    """What would have to be said of every result of such a split."""
    tolerant = replace(data, is_leak_allowed=True)
    return stamps_of(split_as_set(dataset.manifest, tolerant, task), tolerant)


def show_counts(
    dataset: Dataset, data: DataConfig, task: Task, *, attention: DeltaGenerator
) -> str:
    """Women and images of every split, before anything is started; the women also in a line."""
    tolerant = replace(data, is_leak_allowed=True)
    table = split_as_set(dataset.manifest, tolerant, task)
    table = table[table["split"].notna() & table["label"].notna()]
    counted = table.assign(positive=positive_of(table["label"], task)).groupby("split")
    counts = pd.DataFrame(
        {
            "women": counted["group_id"].nunique(),
            "images": counted.size(),
            "of these positive": counted["positive"].sum(),
        }
    )
    counts = counts.reindex([str(split) for split in Split])
    st.dataframe(counts, key="train_counts")
    for sentence in few_to_choose_by(table, data, task):
        attention.warning(escaped(sentence), icon=":material/warning:")
    women = counts["women"].fillna(0).astype(int)
    told = zip(("to learn from", "for validation", "for the test"), counts.index, strict=True)
    return "women: " + ", ".join(f"{women[split]:,} {what}" for what, split in told)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """`missing` says in words what has to be done before a run may start on these data; `paired` of
    the labelled `images` have their other view beside them. `line` is all of it in one line.
    """

    data: DataConfig
    task: Task
    missing: tuple[str, ...]
    images: int
    paired: int
    line: str


#: While no data set is registered: the form stands, and nothing can be started.
NO_DATA: Final = TrainingData(
    data=DataConfig(folder="", adapter="", label_rule=""),
    task=CANCER,
    missing=("Register a data set, or make a synthetic one: there is none to learn from yet.",),
    images=0,
    paired=0,
    line="No data set yet",
)


def pick_details(
    entry: Registered,
    begin: Callable[[Registered], DataConfig],
    *,
    key: str,
    attention: DeltaGenerator,
) -> TrainingData:
    """How `entry` is labelled and split. `begin` tells how an earlier run took its data, or how the
    recipe takes these; `key` names the defaults. What has to be read or acknowledged before a start
    is shown in `attention`.
    """
    before = begin(entry)
    entry = replace(entry, label_rule=_pick_rule(_labelled_as(before, entry)))
    adapter = get_adapter(entry.adapter)
    rule = get_label_rule(adapter, entry.label_rule)
    st.caption(
        f"{adapter.title}. Reference standard: {adapter.reference_standard}. A label is given to "
        f"one {adapter.label_level}."
    )
    dataset = cached.dataset(entry)
    with attention:
        audited = _ask_for_audit(entry, is_ours=adapter.imaging == "synthetic")
    data, undone = pick_split(entry, dataset, before, key=key, task=rule.task, attention=attention)
    women = show_counts(dataset, data, rule.task, attention=attention)
    labelled = dataset.manifest[dataset.manifest["label"].notna()]
    return TrainingData(
        data=data,
        task=rule.task,
        missing=(*audited, *undone),
        images=len(labelled),
        paired=int((~is_lone(partners_of(labelled))).sum()),
        line=f"{rule.title.rstrip('.')}; {women}",
    )


def _labelled_as(before: DataConfig, entry: Registered) -> Registered:
    """By the rule it was labelled by before, where that was of the same data set."""
    if (before.folder, before.adapter) != (entry.folder, entry.adapter):
        return entry
    known = {rule.name for rule in get_adapter(entry.adapter).label_rules}
    return replace(entry, label_rule=before.label_rule) if before.label_rule in known else entry


def _pick_rule(entry: Registered) -> str:
    adapter = get_adapter(entry.adapter)
    names = [rule.name for rule in adapter.label_rules]
    if len(names) == 1:
        st.caption(f"Label rule: {escaped(adapter.label_rules[0].title)}")
        return names[0]
    key = f"train_rule_{entry.name}"
    return st.selectbox(
        "An image is positive by this rule",
        names,
        index=0 if key in st.session_state else names.index(entry.label_rule),
        format_func=lambda name: get_label_rule(adapter, name).title,
        key=key,
        help=meaning("Label rule", "Reference standard"),
    )


def _ask_for_audit(entry: Registered, *, is_ours: bool) -> tuple[str, ...]:
    """What the audit found stands here; to go on without one has to be said."""
    run = latest_audit(entry, audits_root())
    if run is None or not run.file(AUDIT_FILE).exists():
        if is_ours:
            return ()  # drawn by this program: there is nobody's mistake in it to be found
        st.warning(
            "Nobody has looked for copies, leaks and shortcuts in these data under this rule.",
            icon=":material/search_check:",
        )
        _link_to_audit(entry, "Audit it first")
        is_read = st.checkbox("Train without an audit", key=f"train_unaudited_{entry.name}")
        return () if is_read else ("Audit the data set, or say that you train without.",)
    result = cached.audit(run)
    counts = [f"{len(result.of(severity))} {severity}" for severity in Severity]
    told = f"The audit found: {', '.join(counts)}."
    serious = result.of(Severity.SERIOUS)
    if not serious:
        st.caption(f":material/check: {told}")
        return ()
    listed = "\n".join(f"* {escaped(finding.sentence)}" for finding in serious)
    st.error(f"{told}\n\n{listed}", icon=":material/error:")
    _link_to_audit(entry, "Read the audit")
    is_read = st.checkbox("I have read what the audit found", key=f"train_audit_read_{run.run_id}")
    return () if is_read else ("Read what the audit found.",)


def _link_to_audit(entry: Registered, label: str) -> None:
    st.page_link(
        "pages/data.py",
        label=label,
        icon=":material/search_check:",
        query_params={"data": entry.name, "section": "Audit"},
    )


SYNTHETIC_SIZE: Final = (512, 256)
_MADE: Final = "data_made"  # a widget's value can be set only before it is drawn


def pick_data() -> Registered | None:
    """The data set to train on; None until there is one."""
    entries = {entry.name: entry for entry in list_registered()}
    made = st.session_state.pop(_MADE, None)
    if made in entries:
        st.session_state["train_data"] = made
    if not entries:
        st.selectbox("Data set", [], placeholder="No data set yet", key="no_data", disabled=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            _link_to_register()
            offer_example()
        return None
    name = st.selectbox("Data set", list(entries), key="train_data", bind="query-params")
    return entries.get(name or "")


def _link_to_register() -> None:
    st.page_link("pages/data.py", label="Register a folder", icon=":material/database:")


def add_data(*, is_open: bool) -> None:
    """Folded away where there is a set already; without one, the way to register stands above."""
    with st.expander("Add a data set", icon=":material/add:", expanded=is_open):
        if not is_open:
            _link_to_register()
        _make_synthetic()


def _make_synthetic() -> None:
    with st.form("make_data", border=False):
        off = is_off(Action.REGISTER)
        row = st.container(horizontal=True, vertical_alignment="bottom")
        women = row.number_input(
            "Synthetic women", 24, 2000, 60, key="data_women", width=220, help=meaning("Phantom")
        )
        if row.form_submit_button(
            "Make synthetic set", icon=":material/science:", key="data_make", disabled=bool(off),
            help=off or None,
        ):  # fmt: skip
            with shown_errors(), st.spinner(f"Drawing {4 * women} images…"):
                require(Action.REGISTER)
                folder = home() / "synthetic" / f"{women}-women"
                draw_apart(folder, women=women, size=SYNTHETIC_SIZE)
                adapter = recognise_adapter(folder)
                entry = Registered(
                    name=f"Synthetic, {women} women",
                    folder=str(folder),
                    adapter=adapter.name,
                    label_rule=adapter.label_rules[0].name,
                )
                register(entry)
            st.session_state[_MADE] = entry.name
            st.rerun()
