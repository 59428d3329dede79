"""A data set: a folder on disk that an adapter recognises, read into a manifest; and the list of
those the user has registered.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from mammo_core.config import AuditConfig
from mammo_core.datasets.adapters import ADAPTERS
from mammo_core.datasets.adapters.adapter import Adapter, Defect, LabelRule
from mammo_core.datasets.adapters.layout import is_inside
from mammo_core.errors import ConfigError, TableError, UnknownNameError
from mammo_core.files import datasets_root, replace_file, sync_folder
from mammo_core.records import damage_in_words, from_document, to_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import latest_run, start_run
from mammo_core.runs.verification import Verification
from mammo_core.tables import MANIFEST_COLUMNS, check_labels, check_manifest, positive_of
from mammo_core.types import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A data set the user brought. `name` is the user's; `adapter` and `label_rule` are ours."""

    name: str
    folder: str
    adapter: str
    label_rule: str
    verification: Verification = field(default_factory=Verification)


def register(root: Path, entry: Registered) -> None:
    """Keep `entry` below `root`; an entry of the same name is replaced."""
    if not entry.name.strip():
        raise ConfigError("The data set has no name. Give it one, so that it can be found again.")
    entry.verification.check()
    root.mkdir(parents=True, exist_ok=True)
    replace_file(file_of(root, entry.name), json.dumps(to_document(entry), indent=2) + "\n")


def list_registered(root: Path) -> list[Registered]:
    """Every data set below `root`, by name."""
    return sorted((_read(path) for path in root.glob("*.json")), key=lambda entry: entry.name)


def forget(root: Path, name: str) -> None:
    """Take `name` off the list. Its images stay where they are."""
    entry = file_of(root, name)
    entry.unlink(missing_ok=True)
    entry.with_suffix(".owner").unlink(missing_ok=True)
    if root.is_dir():
        sync_folder(root)


def file_of(root: Path, name: str) -> Path:
    """The entry of that name; beside it lies whose it is, where several share a server."""
    return root / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> Registered:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{path} is not a data set's entry ({damage_in_words(error)}). Delete it and "
            "register the folder again."
        ) from None
    return from_document(document, Registered, where=path.name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """A data set as read with one label rule. Image paths are below `root`."""

    root: Path
    adapter: Adapter
    label_rule: LabelRule
    manifest: pd.DataFrame
    boxes: pd.DataFrame
    notes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()


def read_dataset(
    folder: Path, adapter_name: str | None = None, label_rule: str | None = None
) -> Dataset:
    """The data set in `folder`; without a name, by the first adapter that recognises it."""
    dataset = read_in_question(folder, adapter_name, label_rule)
    check_manifest(dataset.manifest)
    return dataset


def read_in_question(
    folder: Path, adapter_name: str | None = None, label_rule: str | None = None
) -> Dataset:
    """`read_dataset` for the audit: rows may repeat an image, for that is what it looks for."""
    refuse_missing(folder)
    adapter = get_adapter(adapter_name) if adapter_name else recognise_adapter(folder)
    rule = get_label_rule(adapter, label_rule) if label_rule else adapter.label_rules[0]
    tables = adapter.read(folder, rule)
    # A manifest is a file from somewhere: its paths may not lead out of the data set's folder.
    for path in tables.manifest["path"]:
        if not is_inside(path):
            raise TableError(
                f"The path {path!r} leads out of the data set's folder. Paths in a manifest are "
                "relative to the folder it lies in."
            )
    check_labels(tables.manifest, rule.task)
    return Dataset(
        root=folder,
        adapter=adapter,
        label_rule=rule,
        manifest=tables.manifest,
        boxes=tables.boxes,
        notes=tables.notes,
        defects=tables.defects,
    )


def find_folder(name: str, entries: Sequence[Registered] | None = None) -> Path:
    """The folder a run's settings name: that of a registered data set, else a path. Of `entries`,
    else of all that are registered.

    A registered name keeps the settings readable on another machine, where paths differ.
    """
    for entry in list_registered(datasets_root()) if entries is None else entries:
        if entry.name == name:
            return Path(entry.folder)
    return Path(name)


def entries_of(named: str, entries: Sequence[Registered]) -> list[Registered]:
    """The one of that name, else those of that folder: as settings may call a data set."""
    by_name = [entry for entry in entries if entry.name == named]
    place = Path(named).resolve()
    return by_name or [entry for entry in entries if Path(entry.folder).resolve() == place]


def name_of_folder(folder: str, entries: Sequence[Registered] | None = None) -> str:
    """The name under which a data set is registered, where `folder` is its name or its folder; else
    `folder`: one set is one set, whether a run was started by its name or by its path.
    """
    found = entries_of(folder, list_registered(datasets_root()) if entries is None else entries)
    return found[0].name if found else folder


def refuse_missing(folder: Path) -> None:
    if not folder.is_dir():
        raise TableError(f"There is no folder {folder}. Was it moved, or a disk not mounted?")


def get_adapter(name: str) -> Adapter:
    for adapter in ADAPTERS:
        if adapter.name == name:
            return adapter
    raise UnknownNameError("data set adapter", name, (adapter.name for adapter in ADAPTERS))


def get_label_rule(adapter: Adapter, name: str) -> LabelRule:
    for rule in adapter.label_rules:
        if rule.name == name:
            return rule
    known = (rule.name for rule in adapter.label_rules)
    raise UnknownNameError(f"label rule of {adapter.name}", name, known)


def reference_of(adapter: Adapter, rule: LabelRule) -> str:
    """What labels by `rule` go back to: density is read by an eye, whatever cancer is proven by."""
    return rule.reference_standard or adapter.reference_standard


def other_question(card: ModelCard, adapter: str, label_rule: str) -> str:
    """That labels by this rule ask another question than the model learnt, though their classes are
    called the same; "" where they ask the same, or where that is not known.
    """
    try:
        learnt = get_label_rule(get_adapter(card.data.dataset), card.data.label_rule)
        asked = get_label_rule(get_adapter(adapter), label_rule)
    except UnknownNameError:
        return ""  # it came from another version of this program
    if learnt.is_among_lesions == asked.is_among_lesions:
        return ""
    words = {False: "cancer against no cancer", True: "benign against malignant among lesions"}
    return (
        f"Another question: the model learnt {words[learnt.is_among_lesions]}, these labels tell "
        f"{words[asked.is_among_lesions]}. The two AUCs must not be compared."
    )


def recognise_adapter(folder: Path) -> Adapter:
    """The adapter whose whole layout lies in `folder`; else what the nearest miss, in words."""
    refuse_missing(folder)
    signs = {adapter.name: adapter.recognise(folder) for adapter in ADAPTERS}
    for adapter in ADAPTERS:
        if signs[adapter.name].is_match:
            return adapter
    near = [adapter for adapter in ADAPTERS if signs[adapter.name].found]
    if near:
        lines = (
            f"* {adapter.title}: {', '.join(signs[adapter.name].found)} is there, "
            f"{', '.join(signs[adapter.name].missing)} is missing."
            for adapter in near
        )
        nearest = "\n".join(lines)
        raise TableError(f"{folder} looks incomplete. Nearest:\n{nearest}")
    wanted = "\n".join(f"* {adapter.title}: {adapter.expects}" for adapter in ADAPTERS)
    raise TableError(f"{folder} is none of the data sets known here.\n{wanted}")


def missing_files(root: Path, manifest: pd.DataFrame) -> list[str]:
    """Paths of the manifest at which no file is."""
    return [path for path in manifest["path"].drop_duplicates() if not (root / path).is_file()]


def fingerprint_of(manifest: pd.DataFrame) -> str:
    """A hash over what decides a training: which images, labels, groups and splits."""
    columns = ["image_id", "group_id", "label", "split"]
    text = manifest.sort_values("image_id")[columns].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


CLASSES: Final = ("positive", "not positive", "no label")
_MOST_VALUES: Final = 12  # of a column of words; the rest is counted as "others"
_BINS: Final = 10


def told_columns(manifest: pd.DataFrame) -> pd.DataFrame:
    """`column, images, share`: in how many images each column of the contract is told."""
    told = manifest[list(MANIFEST_COLUMNS)].notna().sum()
    return pd.DataFrame(
        {"column": told.index, "images": told.to_numpy(), "share": told.to_numpy() / len(manifest)}
    )


def counts_by(manifest: pd.DataFrame, column: str, task: Task) -> pd.DataFrame:
    """Images by value of `column` and by class: `value`, then one column for each of CLASSES."""
    values = _in_bins(manifest[column])
    label = positive_of(manifest["label"], task).map({True: CLASSES[0], False: CLASSES[1]})
    counted = pd.crosstab(values, label.astype("string").fillna(CLASSES[2]))
    return counted.reindex(columns=list(CLASSES), fill_value=0).rename_axis("value").reset_index()


def _in_bins(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_VALUES:
        cut = pd.cut(values.astype("float64"), _BINS, precision=9)
        bins = cut.cat.categories
        names = ([f"{one.left:.{n}f} to {one.right:.{n}f}" for one in bins] for n in range(9))
        ends = next(one for one in names if len({*one}) == len(one))  # ages may be told from 0 to 1
        values = cut.cat.rename_categories(ends).astype("string")
    words = values.astype("string")
    common = words.value_counts().index[:_MOST_VALUES]
    return words.where(words.isin(common) | words.isna(), "others").fillna("not stated")


def start_audit(
    entry: Registered, root: Path, *, own: Callable[[RunFolder], None] = lambda run: None
) -> RunFolder:
    """Start the audit of a registered data set; its run lies below `root`, and `own` is given it
    first.
    """
    return start_run(_settings_of(entry), root, what="audit", total=0, own=own)


def latest_audit(entry: Registered, root: Path) -> RunFolder | None:
    """The newest audit of that very folder, adapter and label rule, at whatever stage it is."""
    return latest_run(_settings_of(entry), root)


def _settings_of(entry: Registered) -> AuditConfig:
    return AuditConfig(
        name=entry.name, folder=entry.folder, adapter=entry.adapter, label_rule=entry.label_rule
    )
