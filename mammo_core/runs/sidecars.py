"""What is learnt of a checkpoint after its card was written, kept beside it: whom it has seen, what
images look like to it, how long it takes and what it cost.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mammo_core.errors import CheckpointError, ConfigError, RunError
from mammo_core.files import append_whole, replace_file
from mammo_core.records import damage_in_words, from_document, read_json, to_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.tables import read_table
from mammo_core.types import Split


class OfCard(Protocol):
    """A record that names the card it was measured for."""

    @property
    def card_sha256(self) -> str: ...


Kept = TypeVar("Kept", bound=OfCard)


def add_beside(run: RunFolder, name: str, record: OfCard) -> None:
    """Put `record` behind those in the file `name` of `run`; nothing there is changed."""
    documents = [*_documents(run, name), to_document(record)]
    replace_file(run.file(name), json.dumps(documents, indent=2) + "\n")


def of_this_card(run: RunFolder, name: str, kind: type[Kept]) -> list[Kept]:
    """The records of the card as it is, in the order they were added."""
    if not run.is_checkpoint:
        return []
    card = card_hash(run)
    try:
        records = [from_document(one, kind, where=name) for one in _documents(run, name)]
    except ConfigError as error:
        raise CheckpointError(f"{name} of {run.run_id} cannot be used: {error}") from None
    return [record for record in records if record.card_sha256 == card]


def keep_one(run: RunFolder, name: str, record: OfCard) -> None:
    """Let `record` be what the file `name` of `run` holds; one kept earlier is replaced."""
    replace_file(run.file(name), json.dumps(to_document(record), indent=2) + "\n")


def read_one(run: RunFolder, name: str, kind: type[Kept], *, what: str) -> Kept | None:
    """The record in the file `name`, called `what`; None where none is kept for this card."""
    try:
        document = json.loads(run.file(name).read_text(encoding="utf-8"))
        record = from_document(document, kind, where=name)
    except FileNotFoundError:
        return None
    except (ValueError, ConfigError) as error:
        raise RunError(
            f"The {what} of {run.run_id} cannot be read: {damage_in_words(error)}. Delete {name} "
            "in its folder; the model itself is whole."
        ) from None
    return record if record.card_sha256 == card_hash(run) else None


def _documents(run: RunFolder, name: str) -> list[Any]:
    try:
        documents = read_json(
            run.file(name),
            CheckpointError,
            what=f"{name} of {run.run_id}",
            remedy="Put it back from a copy, or delete it and measure again.",
        )
    except FileNotFoundError:
        return []
    if not isinstance(documents, list):
        raise CheckpointError(f"{name} of {run.run_id} must be a list.")
    return documents


Record = TypeVar("Record")


def append_record(path: Path, record: Any) -> None:
    """`record` as a line of its own, even where a kill cut the line before it short."""
    append_whole(path, json.dumps(to_document(record)).encode() + b"\n")


def read_records(path: Path, kind: type[Record]) -> list[Record]:
    """Every record of `path`, or a RunError that names the line that is none: nothing is guessed
    of what it said.
    """
    data = path.read_bytes()
    return [
        _record(line, number, path, kind)
        for number, line in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), start=1)
    ]


def _record(line: bytes, number: int, path: Path, kind: type[Record]) -> Record:
    where = f"line {number} of {path.name} in the folder {path.parent.name}"
    try:
        return from_document(json.loads(line), kind, where=where)
    except ConfigError as error:
        found = str(error)
    except (ValueError, RecursionError):
        found = f"{where} was cut short or damaged: it is no whole record."
    raise RunError(
        f"{found} Copy the file, then delete line {number} from it with a text editor and save; "
        "what that line said is lost, the others count again."
    )


LATENCY_FILE: Final = "latency.json"
_NOT_LEARNT: Final = (".running_mean", ".running_var", ".num_batches_tracked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds of one prepared image through the network: the median of `passes`, and the range
    that nine of ten lie in.
    """

    median_seconds: float
    low_seconds: float  # twentieth part below it ...
    high_seconds: float  # ... and above this
    passes: int
    engine: str
    device: str
    cores: int
    measured_at: str  # ISO 8601, UTC
    card_sha256: str

    @property
    def machine(self) -> str:
        return f"{self.device}, {self.cores} cores, {self.engine}"


def write_latency(run: RunFolder, latency: Latency) -> None:
    """A measurement made earlier is replaced."""
    keep_one(run, LATENCY_FILE, latency)


def read_latency(run: RunFolder) -> Latency | None:
    """What was measured for the card the run has now; None where nothing was."""
    return read_one(run, LATENCY_FILE, Latency, what="latency")


def count_parameters(weights: Path) -> int | None:
    """Learnt numbers in a safetensors file, from its header alone; None where there is no file.

    What a norm only remembers is not learnt.
    """
    try:
        with safe_open(weights, framework="numpy") as file:
            learnt = [name for name in file.keys() if not name.endswith(_NOT_LEARNT)]  # noqa: SIM118 - not a dict
            return sum(math.prod(map(int, file.get_slice(name).get_shape())) for name in learnt)
    except FileNotFoundError:
        return None
    except SafetensorError:
        raise RunError(
            f"The weights of {weights.parent.name} are not a safetensors file. Was it copied whole?"
        ) from None


COST_FILE: Final = "cost.json"
_SECONDS_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`price` is of one hour of one device, in whatever money `currency` names."""

    device: str
    device_hours: float
    price: float
    currency: str
    recorded_at: str  # ISO 8601, UTC
    card_sha256: str

    @property
    def total(self) -> float:
        return self.device_hours * self.price


def device_hours(card: ModelCard) -> float:
    """Hours of training times the devices it took."""
    return card.training.seconds * card.training.devices / _SECONDS_PER_HOUR


def record_cost(run: RunFolder, card: ModelCard, *, price: float, currency: str) -> Cost:
    """Keep what `run` cost; a price told earlier is replaced."""
    if price < 0.0:
        raise ConfigError(f"An hour costs {price}; a price is 0 or more.")
    cost = Cost(
        device=card.training.device,
        device_hours=device_hours(card),
        price=price,
        currency=currency.strip(),
        recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
        card_sha256=card_hash(run),
    )
    keep_one(run, COST_FILE, cost)
    return cost


def read_cost(run: RunFolder) -> Cost | None:
    """What was recorded for the card the run has now; None where nothing was."""
    return read_one(run, COST_FILE, Cost, what="cost")


def latest_cost(runs: Iterable[RunFolder]) -> Cost | None:
    """The newest that was recorded for one of `runs`: the price most likely to hold again."""
    costs = [cost for run in runs if (cost := _readable(run)) is not None]
    return max(costs, key=lambda cost: cost.recorded_at, default=None)


def _readable(run: RunFolder) -> Cost | None:
    try:
        return read_cost(run)
    except RunError:
        return None  # a suggestion is not worth a complaint about another run


EMBEDDINGS_FILE: Final = "embeddings.safetensors"
EMBEDDING_COLUMNS: Final = ("image_id", "group_id", "side", "view", "label", "split")

#: Per split; more make a neighbour no nearer to speak of, and the file large.
MOST_IMAGES: Final = 4000

_VECTORS: Final = "vectors"
_BASIS: Final = "basis"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embeddings:
    """`vectors[i]` belongs to row i of `images`, which has COLUMNS.

    Where they are reduced, `basis` makes such a vector of the first numbers of an embedding.
    """

    vectors: NDArray[np.float32]
    images: pd.DataFrame
    basis: NDArray[np.float32] | None = None

    def place(self, embedding: NDArray[np.floating]) -> NDArray[np.floating]:
        """What a network sees in an image, as the `vectors` are."""
        return embedding if self.basis is None else embedding[: len(self.basis)] @ self.basis

    def of(self, split: Split) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self.vectors[(self.images["split"] == split).to_numpy()]
        return rows


def reduced_embeddings(whole: Embeddings, *, length: int) -> Embeddings:
    """The `length` directions in which the training images differ most: a few hundredths of the
    file, and as good at telling what is far away.
    """
    training = whole.of(Split.TRAIN)
    length = min(length, *training.shape)
    _, _, directions = np.linalg.svd(training - training.mean(axis=0), full_matrices=False)
    basis = np.ascontiguousarray(directions[:length].T, dtype=np.float32)
    return replace(whole, vectors=whole.vectors @ basis, basis=basis)


def write_embeddings(run: RunFolder, embeddings: Embeddings, *, weights_sha256: str) -> None:
    table = embeddings.images[list(EMBEDDING_COLUMNS)].astype("string")
    about = {name: [None if pd.isna(v) else v for v in table[name]] for name in EMBEDDING_COLUMNS}
    metadata = {"weights_sha256": weights_sha256, "images": json.dumps(about)}
    tensors = {_VECTORS: embeddings.vectors}
    if embeddings.basis is not None:
        tensors[_BASIS] = embeddings.basis
    halved = {name: np.ascontiguousarray(one, dtype=np.float16) for name, one in tensors.items()}
    replace_file(run.file(EMBEDDINGS_FILE), save(halved, metadata=metadata))


def read_embeddings(run: RunFolder, card: ModelCard) -> Embeddings | None:
    """None where the checkpoint has none, which is no fault: they can be made later."""
    path = run.file(EMBEDDINGS_FILE)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            vectors = np.asarray(file.get_tensor(_VECTORS), dtype=np.float32)
            basis = None
            if _BASIS in file.keys():  # noqa: SIM118 - not a dict
                basis = np.asarray(file.get_tensor(_BASIS), dtype=np.float32)
        images = pd.DataFrame(json.loads(metadata["images"]), dtype="string")
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The embeddings of {run.run_id} cannot be read ({error}). "
            f"Delete {EMBEDDINGS_FILE} and make them again with `mammo checkpoints embed`."
        ) from None
    if metadata.get("weights_sha256") != card.weights_sha256:
        raise CheckpointError(
            f"The embeddings of {run.run_id} come from other weights than its own. Make them again "
            "with `mammo checkpoints embed`."
        )
    if (
        vectors.ndim != 2
        or len(vectors) != len(images)
        or (basis is not None and basis.shape[1:] != vectors.shape[1:])
        or set(EMBEDDING_COLUMNS) - set(images.columns)
    ):
        raise CheckpointError(
            f"The embeddings of {run.run_id} do not fit together: {len(images)} images, vectors of "
            f"shape {vectors.shape}. Make them again with `mammo checkpoints embed`."
        )
    return Embeddings(vectors=vectors, images=images, basis=basis)


SEEN_NAME: Final = "seen.csv"
SEEN_COLUMNS: Final = ("dataset", "image_id", "group_id", "split", "content")
_LEARNT: Final = (Split.TRAIN, Split.VAL)  # validation chose the epoch


def write_seen(own: pd.DataFrame, before: pd.DataFrame | None, path: Path) -> None:
    """`before` is what the checkpoint that was started from had seen, where one was."""
    parts = [own] if before is None else [own, before[before["split"].isin(_LEARNT)]]
    replace_file(path, pd.concat(parts).to_csv(index=False, lineterminator="\n"))


def read_seen(run: RunFolder) -> pd.DataFrame | None:
    """None for checkpoints from elsewhere or from before this was kept."""
    path = run.file(SEEN_NAME)
    if not path.exists():
        return None
    return read_table(path, what="list of seen images").reindex(columns=list(SEEN_COLUMNS))


def unknown_seen(run_id: str) -> str:
    """What cannot be known of a checkpoint without that list, and what can be done."""
    return (
        f"{run_id} does not record whom it has seen (it has no {SEEN_NAME}): whether these women "
        "are among those it learnt from cannot be known. Where its data set is still here, `mammo "
        f"checkpoints seen {run_id}` writes the list anew; else train it again, or judge it on "
        "women it cannot have seen."
    )


def _last_names(folders: "pd.Series[str]") -> "pd.Series[str]":
    names = {folder: re.split(r"[/\\]", str(folder))[-1] for folder in folders.unique()}
    return folders.map(names).astype("string")


def same_content(one: pd.DataFrame, other: pd.DataFrame) -> bool | None:
    """Whether two tables (`image_id, content`) are of one data set: most images that both name are
    the same files. None where they name none in common, or the files of none are known.
    """
    known = [
        table[["image_id", "content"]].dropna().drop_duplicates("image_id")
        for table in (one, other)
        if {"image_id", "content"} <= set(table.columns)
    ]
    if len(known) < 2:
        return None
    both = known[0].merge(known[1], on="image_id", suffixes=("", "_other"))
    return bool((both["content"] == both["content_other"]).mean() > 0.5) if len(both) else None


def learnt_from(seen: pd.DataFrame, women: pd.DataFrame) -> list[str]:
    """The group_ids of `women` (`dataset, group_id`; `image_id, content` where known) learnt from:
    by what is in their files, and by their number within a data set of the same last name (what was
    packed elsewhere tells no folder). Other files of the same number may be an export made anew, so
    they do not clear her.
    """
    seen, women = (one.assign(dataset=_last_names(one["dataset"])) for one in (seen, women))
    learnt = seen[seen["split"].isin(_LEARNT)]
    person = ["dataset", "group_id"]
    known = seen.merge(learnt[person].drop_duplicates(), on=person)  # all images of those women
    is_known = pd.MultiIndex.from_frame(women[person].astype("string")).isin(
        pd.MultiIndex.from_frame(known[person])
    )
    if "content" in women.columns:
        is_known |= women["content"].isin(known["content"].dropna()).to_numpy()
    return sorted(women.loc[is_known, "group_id"].unique())


def known_women(checkpoint: RunFolder, women: pd.DataFrame) -> tuple[str, ...]:
    """`learnt_from` of what a checkpoint tells; nobody where it does not tell."""
    seen = read_seen(checkpoint)
    return () if seen is None else tuple(learnt_from(seen, women))
