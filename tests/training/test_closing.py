"""The last passes of a training ask a frozen front nothing that it has answered before."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from mammo_core.config import RunConfig
from mammo_core.runs.folder import RunFolder, RunStatus
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.closing import Closing, close, embeddings_of
from mammo_core.training.learning import Course, learn
from mammo_core.training.network import Network, make_network
from mammo_core.training.outcome import outputs_of
from mammo_core.types import CANCER, RunState, Split
from tests.training.made_up import config, paired, squares, two_views

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))


class Heard(RunFolder):
    """A run that remembers what it was told; no two statuses are alike in these tests."""

    def write_status(self, status: RunStatus) -> None:
        super().write_status(status)
        with self.file("heard.txt").open("a") as stream:
            stream.write(status.message + "\n")

    def heard(self) -> list[str]:
        return self.file("heard.txt").read_text().splitlines()


def course_of(settings: RunConfig, folder: Path) -> Course:
    sizes = {Split.TRAIN: 16, Split.VAL: 10, Split.TEST: 12}
    images = {s: paired(squares(n, seed=k)) for k, (s, n) in enumerate(sizes.items())}
    run = Heard(folder)
    run.write_status(RunStatus(state=RunState.RUNNING))
    fabric = Fabric(accelerator="cpu", devices=1)
    return Course(run=run, config=settings, fabric=fabric, images=images)


def closed(course: Course) -> tuple[Network, Closing, int]:
    """And how many images went through the first layers of the network at the end."""
    network = make_network(course.config, CPU)
    learn(course, network)
    seen = []
    first = network.classifier.trunk.get_submodule(network.stages[0].parts[0])
    handle = first.register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    closing = close(course, network)
    handle.remove()
    return network, closing, sum(seen)


#: Two images prove that the network can be cut, once in halves and once whole.
PROOF = 4


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        # The test images, and the five of validation without cancer for the scale of heatmaps.
        (config(trained="linear", cached_variants=2), 12 + 5),
        (config(trained="last_stages", last_stages=1, cached_variants=1), 12),
    ],
    ids=["linear", "last stage"],
)
def test_behind_a_frozen_front_only_test_images_are_asked_about(
    settings: RunConfig, asked: int, tmp_path: Path
) -> None:
    _, _, images = closed(course_of(settings, tmp_path))
    assert images - PROOF == asked


@pytest.mark.parametrize("make", [config, two_views], ids=["one view", "two views"])
@pytest.mark.parametrize("trained", ["linear", "last_stages"])
def test_what_the_back_says_is_what_the_whole_network_says(
    make: object, trained: str, tmp_path: Path
) -> None:
    settings = (two_views if make is two_views else config)(trained=trained, cached_variants=1)
    course = course_of(settings, tmp_path)
    network, closing, _ = closed(course)
    for split in (Split.VAL, Split.TEST):
        whole = outputs_of(network.classifier, course.evaluation(split), CANCER)
        np.testing.assert_allclose(closing.logits[split], whole.logits, atol=1e-5)
        assert closing.engines[split] == "torch fp32"
    val = embeddings_of(network.classifier, course.evaluation(Split.VAL), Split.VAL)
    assert [len(part.images) for part in closing.embeddings] == [16, 10]
    np.testing.assert_allclose(closing.embeddings[1].vectors, val.vectors, atol=1e-5)
    labels = course.images[Split.VAL].labels
    outputs = outputs_of(network.classifier, course.evaluation(Split.VAL), CANCER)
    assert closing.heatmap_peak == pytest.approx(
        float(np.percentile(outputs.peaks[labels == 0], 99.5)), rel=1e-4
    )


def test_the_end_of_a_run_tells_in_words_how_far_it_is(tmp_path: Path) -> None:
    course = course_of(config(), tmp_path)
    closed(course)
    heard = course.run.heard()  # type: ignore[attr-defined]
    assert [line for line in heard if "test images" in line] == [
        "Scoring 8 of 12 test images.", "Scoring 12 of 12 test images.",
    ]  # fmt: skip
    assert "Scoring 10 of 10 validation images." in heard
    assert "Describing 16 of 16 training images." in heard


def test_batches_of_some_rows_tell_of_those_rows_alone() -> None:
    told: list[tuple[int, int]] = []
    batches = EvaluationBatches(
        images=squares(20), config=config(), device=CPU, rows=np.arange(10),
        report=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert len(list(batches.epoch(0))) == 2
    assert told == [(8, 10), (10, 10)]
    assert len(list(replace(batches, rows=None).epoch(0))) == 3
