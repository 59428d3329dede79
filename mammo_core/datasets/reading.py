"""From a folder on disk to a data set: `read_dataset`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mammo_core.datasets import ADAPTERS
from mammo_core.datasets.adapter import Adapter, Defect, LabelRule
from mammo_core.datasets.layout import is_inside
from mammo_core.datasets.registry import list_registered
from mammo_core.errors import TableError, UnknownNameError
from mammo_core.paths import datasets_root
from mammo_core.tables import check_labels, check_manifest


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
    _refuse_paths_outside(tables.manifest)
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


def find_folder(name: str) -> Path:
    """The folder a run's settings name: that of a registered data set, else a path.

    A registered name keeps the settings readable on another machine, where paths differ.
    """
    for entry in list_registered(datasets_root()):
        if entry.name == name:
            return Path(entry.folder)
    return Path(name)


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


def _refuse_paths_outside(manifest: pd.DataFrame) -> None:
    """A manifest is a file from somewhere: its paths may not lead out of the data set's folder."""
    for path in manifest["path"]:
        if not is_inside(path):
            raise TableError(
                f"The path {path!r} leads out of the data set's folder. Paths in a manifest are "
                "relative to the folder it lies in."
            )
