"""Which images a run learns from: the set, its label rule, its audit, and how it is split."""

from dataclasses import dataclass, replace

import streamlit as st

from mammo_core.config import DataConfig
from mammo_core.datasets.audit.finding import Severity
from mammo_core.datasets.jobs import latest_audit
from mammo_core.datasets.reading import get_adapter, get_label_rule
from mammo_core.datasets.registry import Registered
from mammo_core.datasets.worker import RESULT
from mammo_core.partners import is_lone, partners_of
from mammo_core.paths import audits_root
from mammo_core.types import Task
from pages.components import cached
from pages.components.data_picker import pick_data
from pages.components.guard import escaped
from pages.components.train_split import pick_split, show_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """`missing` says in words what has to be done before a run may start on these data; `paired` of
    the labelled `images` have their other view beside them.
    """

    data: DataConfig
    task: Task
    missing: tuple[str, ...]
    images: int
    paired: int


def pick_training_data(before: DataConfig | None, *, key: str) -> TrainingData | None:
    """None until there is a data set. `before` is how an earlier run took its data, and `key` names
    the defaults.
    """
    entry = pick_data()
    if entry is None:
        return None
    entry = replace(entry, label_rule=_pick_rule(_labelled_as(before, entry)))
    adapter = get_adapter(entry.adapter)
    rule = get_label_rule(adapter, entry.label_rule)
    st.caption(
        f"{adapter.title}. Reference standard: {adapter.reference_standard}. A label is given to "
        f"one {adapter.label_level}."
    )
    dataset = cached.dataset(entry)
    audited = _ask_for_audit(entry, is_ours=adapter.imaging == "synthetic")
    data, undone = pick_split(entry, dataset, before or _fresh(entry), key=key)
    show_counts(dataset, data, rule.task)
    labelled = dataset.manifest[dataset.manifest["label"].notna()]
    return TrainingData(
        data=data,
        task=rule.task,
        missing=(*audited, *undone),
        images=len(labelled),
        paired=int((~is_lone(partners_of(labelled))).sum()),
    )


def _labelled_as(before: DataConfig | None, entry: Registered) -> Registered:
    """By the rule it was labelled by before, where that was of the same data set."""
    if before is None or (before.folder, before.adapter) != (entry.folder, entry.adapter):
        return entry
    known = {rule.name for rule in get_adapter(entry.adapter).label_rules}
    return replace(entry, label_rule=before.label_rule) if before.label_rule in known else entry


def _fresh(entry: Registered) -> DataConfig:
    return DataConfig(folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule)


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
    )


def _ask_for_audit(entry: Registered, *, is_ours: bool) -> tuple[str, ...]:
    """What the audit found stands here; to go on without one has to be said."""
    run = latest_audit(entry, audits_root())
    if run is None or not run.file(RESULT).exists():
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
