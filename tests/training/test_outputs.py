"""One pass over the images gives what three passes gave."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.config import RunConfig
from mammo_core.explain.grad_cam import grad_cam
from mammo_core.training.batches import EvaluationBatches
from mammo_core.training.closing import embeddings_among, embeddings_of
from mammo_core.training.loop import predict_logits
from mammo_core.training.network import make_network
from mammo_core.training.outcome import ImageOutputs, heatmap_peak, outputs_of
from mammo_core.types import CANCER, Split
from tests.training.made_up import CONFIG, squares

CPU = torch.device("cpu")


def settings(backbone: str, *, views: int = 1) -> RunConfig:
    pooling = "max" if backbone == "light_cnn" else "avg"
    model = replace(CONFIG.model, backbone=backbone, pooling=pooling, views=views)
    return replace(CONFIG, model=model)


@pytest.mark.parametrize(
    "config",
    [
        settings("light_cnn"),
        settings("conv2"),  # its head is more than a pooling and a layer
        settings("test_resnet"),
        settings("light_cnn", views=2),
    ],
    ids=["light_cnn", "conv2", "test_resnet", "two views"],
)
def test_scores_peaks_and_vectors_are_those_of_passes_of_their_own(config: RunConfig) -> None:
    classifier = make_network(config, CPU).classifier
    images = squares(11)
    batches = EvaluationBatches(images=images, config=config, device=CPU)
    outputs = outputs_of(classifier, batches, CANCER)
    np.testing.assert_array_equal(outputs.logits, predict_logits(None, classifier, batches))
    with torch.no_grad():
        peaks = [
            grad_cam(classifier, classifier.features(inputs), CANCER.positive_indices).max((1, 2))
            for inputs, _ in batches.epoch(0)
        ]
    np.testing.assert_array_equal(outputs.peaks, np.concatenate(peaks))
    assert len(outputs.peaks) == 11
    ours = embeddings_among(outputs.vectors, images, Split.VAL)
    theirs = embeddings_of(classifier, batches, Split.VAL)
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert ours.images.equals(theirs.images)


def test_of_many_images_the_same_are_kept_either_way() -> None:
    classifier = make_network(CONFIG, CPU).classifier
    images = squares(10)
    batches = EvaluationBatches(images=images, config=CONFIG, device=CPU)
    outputs = outputs_of(classifier, batches, CANCER)
    ours = embeddings_among(outputs.vectors, images, Split.VAL, most=4)
    theirs = embeddings_of(classifier, batches, Split.VAL, most=4)
    assert ours.images["image_id"].tolist() == ["I000", "I003", "I006", "I009"]
    assert ours.images.equals(theirs.images)
    np.testing.assert_allclose(ours.vectors, theirs.vectors, rtol=1e-5, atol=1e-6)


def test_full_colour_is_what_images_without_cancer_reach() -> None:
    peaks = np.array([1.0, 9.0, 3.0, 9.0], dtype=np.float32)
    empty = np.zeros((4, 2), dtype=np.float32)
    outputs = ImageOutputs(logits=empty, peaks=peaks, vectors=empty)
    labels = np.array([0, 1, 0, 1])
    assert heatmap_peak(outputs, labels, CANCER) == pytest.approx(2.99)  # the 99.5th percentile
    assert heatmap_peak(outputs, np.ones(4, dtype=np.int64), CANCER) is None
