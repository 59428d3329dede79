"""Scoring on a cluster: files and data sets in chunks, each kept as a finished piece.

A piece is found again by what decides it: the weights, the engine, and each image. It lies with the
prepared images, and is thrown away with them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mammo_core.datasets.dataset import Dataset
from mammo_core.files import cache_root, place_of
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.inference.engine import Engine, open_engine
from mammo_core.inference.many_files import Found, ScoredFile, SheetRow, score_files
from mammo_core.inference.scoring import cached_logits, predictions_of
from mammo_core.places.pieces import CHUNK, PIECES, has_gpus, in_chunks, kept_piece
from mammo_core.preprocessing.cache import Cache, version_of
from mammo_core.records import from_document, to_document
from mammo_core.runs.card import ModelCard
from mammo_core.runs.folder import RunFolder, card_hash
from mammo_core.types import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """What a machine needs to know to score a chunk; `root` is where the images of a set lie."""

    checkpoint: Path
    is_fast: bool = False
    root: Path = Path()


def score_files_in_pieces(
    checkpoint: Checkpoint,
    files: Iterable[Found],
    *,
    is_fast: bool,
    is_known: Callable[[SheetRow], bool],
) -> Iterator[list[ScoredFile]]:
    """As `score_files`, a chunk at a time."""
    scorer = Scorer(checkpoint=checkpoint.folder.resolve(), is_fast=is_fast)
    left = iter(files)
    chunks = (_absolute(some) for some in iter(lambda: list(islice(left, CHUNK)), []))
    for some in in_chunks(score_chunk, scorer, chunks, gpus=float(has_gpus())):
        yield [
            ScoredFile(row=None, is_known=True) if one.row and is_known(one.row) else one
            for one in some
        ]


def _absolute(files: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """As another machine finds them, and as they are shown here."""
    found = [replace(one, path=one.path.absolute()) for one in files]
    return found, [one.shown for one in files]


def score_chunk(scorer: Scorer, chunk: tuple[Sequence[Found], Sequence[str]]) -> list[ScoredFile]:
    card, engine = _opened(scorer)
    files, shown = chunk

    def make() -> bytes:
        scored = [one for some in score_files(card, engine, files) for one in some]
        return json.dumps([to_document(one) for one in scored]).encode()

    places = [
        f"{one.is_named} {name} {_place(one.path)}" for one, name in zip(files, shown, strict=True)
    ]
    listed = json.loads(kept_piece(_folder(), (*_key(scorer, card, engine), *places), make))
    scored = [from_document(one, ScoredFile, where="a piece of scores") for one in listed]
    return [
        replace(one, row=replace(one.row, file=name)) if one.row else one
        for one, name in zip(scored, shown, strict=True)
    ]


def _place(file: Path) -> str:
    try:
        return place_of(file)
    except OSError:
        return "absent"


def score_rows_in_pieces(
    checkpoint: Checkpoint,
    dataset: Dataset,
    rows: pd.DataFrame,
    *,
    name: str,
    report: Report,
    should_stop: Callable[[], bool],
) -> pd.DataFrame | None:
    """As `score_rows`. A network over two views needs a breast's images together: it is given all
    rows as one chunk.
    """
    card = checkpoint.card
    scorer = Scorer(checkpoint=checkpoint.folder.resolve(), root=dataset.root.resolve())
    size = CHUNK if card.model.views == 1 else len(rows)
    chunks = (rows.iloc[start : start + size] for start in range(0, len(rows), size))
    parts, engines = list[NDArray[np.float32]](), set[str]()
    for engine, logits in in_chunks(_score_rows, scorer, chunks, gpus=float(has_gpus())):
        if should_stop():
            return None
        parts.append(np.asarray(logits, dtype=np.float32))
        engines.add(engine)
        scored = sum(len(part) for part in parts)
        report(scored, len(rows), f"Scoring: {scored} of {len(rows)}")
    return predictions_of(rows, parts, card, name=name, engine=" and ".join(sorted(engines)))


def _score_rows(scorer: Scorer, rows: pd.DataFrame) -> tuple[str, list[list[float]]]:
    card, engine = _opened(scorer)
    cache = Cache(root=cache_root(), settings=card.prepare)

    def make() -> bytes:
        parts = list(cached_logits(engine, card, scorer.root, rows))
        return json.dumps(np.concatenate(parts).tolist()).encode()

    contents = [cache.content_of(scorer.root / str(path)) for path in rows["path"]]
    needs_views = card.model.views > 1 or card.prepare.fit == "window"
    key = (*_key(scorer, card, engine), *contents, *(_beside(rows) if needs_views else ()))
    return engine.name, json.loads(kept_piece(_folder(), key, make))


def _beside(rows: pd.DataFrame) -> list[str]:
    """What decides beside whom a network over several views sees each image."""
    names = ["group_id", "exam_id", "side", "view", "image_id"]
    told = rows[names].astype("string").fillna("")
    return [json.dumps(row) for row in told.itertuples(index=False, name=None)]


@lru_cache(maxsize=1)  # a process scores one chunk after the other
def _opened(scorer: Scorer) -> tuple[ModelCard, Engine]:
    checkpoint = load_checkpoint(scorer.checkpoint, device="auto")
    return checkpoint.card, open_engine(checkpoint, is_fast=scorer.is_fast)


def _key(scorer: Scorer, card: ModelCard, engine: Engine) -> Iterable[str]:
    return (card_hash(RunFolder(scorer.checkpoint)), engine.name, version_of(card.prepare))


def _folder() -> Path:
    return cache_root() / PIECES
