"""Many small tasks on a cluster come to the same bytes as on one computer, and are done once."""

import hashlib
import json
import random
import sys
import time
from pathlib import Path

import pytest

from mammo_core.cli import main
from mammo_core.files import cache_root
from mammo_core.places.check import ended_log
from mammo_core.places.cluster import (
    PlacedJob,
    Resources,
    job_log,
    job_state,
    shared_environment,
    stop_job,
    submit,
)
from mammo_core.places.pieces import in_chunks, kept_piece
from tests.inference.made_up import write_checkpoint
from tests.phantoms import put_phantoms
from tests.places.conftest import ROOT, ThreeNodes
from tests.places.counting import ANSWER, features


def doubled(_: None, chunk: list[int]) -> list[int]:
    return [2 * one for one in chunk]


def test_here_chunks_are_done_one_after_the_other_as_they_are_asked_for() -> None:
    taken = []

    def chunks():  # type: ignore[no-untyped-def]
        for start in range(3):
            taken.append(start)
            yield [start, start + 10]

    done = in_chunks(doubled, None, chunks())
    assert next(done) == [0, 20]
    assert taken == [0]
    assert list(done) == [[2, 22], [4, 24]]


def test_a_piece_is_made_once_and_another_key_is_another_piece(tmp_path: Path) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"%d" % len(made)

    assert kept_piece(tmp_path, ("a", "b"), make) == b"1"
    assert kept_piece(tmp_path, ("a", "b"), make) == b"1"
    assert kept_piece(tmp_path, ("ab",), make) == b"2"
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 2


def prepared_bytes(cache: Path) -> dict[str, str]:
    """Every file of the cache by its name, apart from the pieces and from converted networks, whose
    layers are named anew at every conversion.
    """
    return {
        str(file.relative_to(cache)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in cache.rglob("*")
        if file.is_file() and not {"pieces", "engines"} & set(file.parts)
    }


@pytest.mark.slow
def test_four_hundred_images_prepared_and_scored_on_a_cluster_are_the_same_bytes_as_here(
    cluster: ThreeNodes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    put_phantoms(tmp_path / "set", women=100)
    (tmp_path / "model").mkdir()
    checkpoint = write_checkpoint(tmp_path / "model")
    prepare = ["prepare", str(tmp_path / "set"), "--size", "64", "32"]
    there = ["place", "run"]

    def predict(out: str) -> list[str]:
        folder, model = str(tmp_path / "set" / "images"), str(checkpoint)
        return ["predict", folder, "--checkpoint", model, "--out", str(tmp_path / out)]

    assert main([*there, *prepare]) == 0
    assert main([*there, *predict("there.csv")]) == 0
    assert "400 images scored" in capfd.readouterr().err
    cluster_bytes = prepared_bytes(cache_root())
    pieces = [file for file in (cache_root() / "pieces").rglob("*") if file.is_file()]
    assert len(pieces) == 7  # 400 in chunks of 64

    monkeypatch.delenv("MAMMO_RAY")
    cache_root().rename(tmp_path / "cache there")  # the ids of women hang on a key beside it
    assert main(prepare) == 0
    assert main(predict("here.csv")) == 0
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    own_bytes = prepared_bytes(cache_root())
    assert own_bytes == cluster_bytes
    assert len(own_bytes) > 400


@pytest.mark.slow
def test_an_audit_and_measured_features_on_a_cluster_are_the_same_bytes_as_here(
    cluster: ThreeNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_phantoms(tmp_path / "set", women=20)
    (tmp_path / "set" / "images" / "broken.png").write_bytes(b"no picture")
    places = [tmp_path / "there", tmp_path / "here"]
    for place in places:
        place.mkdir()

    def audit(out: Path) -> list[str]:
        return ["audit", str(tmp_path / "set"), "--out", str(out)]

    main(["place", "run", *audit(places[0])])
    looks = [file for file in (cache_root() / "pieces").rglob("*") if file.is_file()]
    assert len(looks) == 2  # 80 in chunks of 64
    assert answer_of(counting(cluster, "features", tmp_path / "set", places[0])) == ["measured"]

    monkeypatch.delenv("MAMMO_RAY")
    cache_root().rename(tmp_path / "cache there")
    main(audit(places[1]))
    features(tmp_path / "set", places[1])
    for name in ("findings.csv", "breast.csv", "boxes.csv"):
        assert (places[0] / name).read_bytes() == (places[1] / name).read_bytes(), name
    there, here = (
        json.loads((place / "audit.json").read_text()) | {"made_at": ""} for place in places
    )
    assert there == here
    assert len((places[0] / "breast.csv").read_text().splitlines()) == 81


def test_a_piece_that_does_not_last_is_made_again(tmp_path: Path) -> None:
    made = iter([b"busy", b"done", b"never"])
    told = [
        kept_piece(tmp_path, ("a",), lambda: next(made), lasts=lambda piece: piece != b"busy")
        for _ in range(3)
    ]
    assert told == [b"busy", b"done", b"done"]


def counting(cluster: ThreeNodes, *asked: object) -> PlacedJob:
    """`python -m tests.places.counting ...`, on the cluster."""
    return submit(
        cluster.address,
        [sys.executable, "-m", "tests.places.counting", *map(str, asked)],
        name="counting",
        needs=Resources(cpus=0.0),
        environment=shared_environment({}, "driver"),
        folder=ROOT,
    )


def answer_of(placed: PlacedJob) -> list[str]:
    log = ended_log(placed, patience=900.0)
    answers = [line.removeprefix(ANSWER) for line in log.splitlines() if line.startswith(ANSWER)]
    assert len(answers) == 1, (job_state(placed), log)
    return answers[0].split()


@pytest.mark.slow
def test_nodes_that_are_lost_in_the_middle_lose_nothing_and_double_nothing(
    cluster: ThreeNodes, tmp_path: Path
) -> None:
    placed = counting(cluster, "slowly", tmp_path / "pieces", 400)
    draw, lost = random.Random(18), 0
    while lost < 10:
        time.sleep(draw.uniform(0.0, 2.0))
        assert job_state(placed)[0] in ("waiting", "working"), job_log(placed)
        cluster.tell("kill")
        cluster.tell("add")
        lost += 1
    assert answer_of(placed) == ["400", "in", "order"]
    pieces = [file for file in (tmp_path / "pieces").rglob("*") if file.is_file()]
    assert sorted(int(file.read_text()) for file in pieces) == list(range(400))


@pytest.mark.slow
def test_the_memory_of_who_hands_out_a_million_rows_stays_as_it_is_with_a_thousand(
    cluster: ThreeNodes,
) -> None:
    few, many = (answer_of(counting(cluster, "rows", rows)) for rows in (1_000, 1_000_000))
    assert (few[0], many[0]) == ("1000", "1000000")
    assert float(many[1]) < float(few[1]) + 40.0  # MB; the rows alone would take 30 as numbers


@pytest.mark.slow
def test_when_who_hands_out_is_killed_only_what_is_missing_is_done_again(
    cluster: ThreeNodes, tmp_path: Path
) -> None:
    first = counting(cluster, "slowly", tmp_path / "pieces", 60)
    while len(done := files_in(tmp_path / "pieces")) < 20:
        time.sleep(0.1)
    stop_job(first)
    while job_state(first)[0] == "working":
        time.sleep(0.5)
    before = files_in(tmp_path / "pieces")
    assert done.items() <= before.items()
    assert len(before) < 60
    assert answer_of(counting(cluster, "slowly", tmp_path / "pieces", 60)) == ["60", "in", "order"]
    after = files_in(tmp_path / "pieces")
    assert len(after) == 60
    assert before.items() <= after.items()


def files_in(folder: Path) -> dict[Path, int]:
    """Finished pieces, and when each was written."""
    return {
        file: file.stat().st_mtime_ns
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith(".tmp")
    }
