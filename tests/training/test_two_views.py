"""Two views of a breast, from pairs of images to a checkpoint that reads as it was evaluated."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from mammo_core.config import AugmentConfig, DataConfig, RunConfig
from mammo_core.datasets.dataset import read_dataset
from mammo_core.datasets.predictions import read_predictions
from mammo_core.errors import ConfigError
from mammo_core.inference.checkpoint import Checkpoint, load_checkpoint
from mammo_core.inference.engine import open_engine, torch_engine
from mammo_core.inference.evaluate import evaluate
from mammo_core.inference.scoring import score_images
from mammo_core.metrics.uncertainty import auc_of
from mammo_core.partners import lone_in_words, partners_of
from mammo_core.preprocessing.prepare import prepare
from mammo_core.preprocessing.reading.read import read_mammogram
from mammo_core.reading import Reading
from mammo_core.runs.folder import RunFolder
from mammo_core.runs.jobs import create_run
from mammo_core.runs.sidecars import read_embeddings
from mammo_core.tables import check_manifest
from mammo_core.training.batches import EvaluationBatches, TrainingBatches
from mammo_core.training.data import ImageSet, load_dataset
from mammo_core.training.loop import Lesson, fit, make_learner, predict_logits
from mammo_core.training.losses import EpochOrder, make_loss
from mammo_core.training.monitor import judge
from mammo_core.training.network import make_network
from mammo_core.training.recipes import get_recipe, with_changes
from mammo_core.training.session import train
from mammo_core.types import CANCER, ImageRef, Laterality, Mammogram, Split, View
from mammo_core.zoo.freezing import last_layer
from tests.phantoms import put_phantoms
from tests.quick import some_slow
from tests.training.made_up import SMALL, InMemory, config, paired, squares, two_views

CPU = torch.device("cpu")
STILL = AugmentConfig(
    flip=0.0, rotation_degrees=0.0, zoom=0.0, shift=0.0, brightness=0.0, contrast=0.0
)


def training(images: ImageSet, settings: RunConfig) -> TrainingBatches:
    return TrainingBatches(images=images, config=settings, device=CPU)


def test_a_row_is_an_image_with_its_partner_beside_it() -> None:
    images, settings = paired(squares(6)), two_views(batch_size=4)
    batches = EvaluationBatches(images=images, config=settings, device=CPU)
    fed = torch.cat([inputs for inputs, _ in batches.epoch(0)])
    alone = batches.each(np.arange(6))
    assert torch.equal(fed[:, 0], alone)
    assert torch.equal(fed[:, 1], alone[[1, 0, 3, 2, 5, 4]])


def test_a_lone_image_is_its_own_partner() -> None:
    images, settings = paired(squares(3)), two_views()
    ((fed, _),) = EvaluationBatches(images=images, config=settings, device=CPU).epoch(0)
    assert torch.equal(fed[2, 1], fed[2, 0])


def test_a_partner_is_changed_as_it_is_where_it_is_the_image_itself() -> None:
    batches = training(paired(squares(4)), two_views())
    order = EpochOrder(rows=np.array([0, 1]), copies=np.array([0, 0]))
    seen, _ = batches.look(order, epoch=3, seed=7)
    assert torch.equal(seen[0, 1], seen[1, 0])
    assert torch.equal(seen[1, 1], seen[0, 0])
    assert not torch.equal(seen[0, 0], batches.each(np.array([0]), epoch=4, seed=7)[0])


def test_pairs_are_mixed_with_pairs() -> None:
    settings = replace(two_views(batch_size=4), augment=replace(STILL, mixup=1.0))
    plain = replace(settings, augment=STILL)
    images = paired(squares(4))
    (mixed, targets), (pure, _) = (
        next(iter(training(images, one).epoch(1))) for one in (settings, plain)
    )
    share = targets.max(dim=1).values  # neighbours have unlike labels, or the share cannot be told
    told = [row for row in range(4) if 0.5 < share[row] < 1.0]
    assert mixed.shape == pure.shape == (4, 2, 1, 32, 16)
    for row in told:
        weights = [share[row], 1.0 - share[row]]
        options = [w * pure[row] + (1.0 - w) * pure[row - 1] for w in weights]
        assert any(torch.allclose(mixed[row], option, atol=1e-4) for option in options)
    assert told


def uneven(women: int, *, seed: int) -> ImageSet:
    """Both views of a breast are any grey; the one that is a little brighter has label 1."""
    rng = np.random.default_rng(seed)
    grey = rng.uniform(0.1, 0.9, size=women).repeat(2)
    labels = np.stack([np.arange(women) % 2, 1 - np.arange(women) % 2], axis=1).ravel()
    levels = (grey + np.where(labels == 1, 0.03, -0.03)) * 65535
    pixels = np.broadcast_to(levels[:, None, None], (2 * women, *SMALL.size)).astype(np.uint16)
    names = [f"I{number:03d}" for number in range(2 * women)]
    return paired(
        ImageSet(
            manifest=check_manifest(pd.DataFrame({"image_id": names, "path": names})),
            images=InMemory(pixels),
            labels=labels.astype(np.int64),
            contents=tuple(hashlib.sha256(one.tobytes()).hexdigest() for one in pixels),
        )
    )


@pytest.mark.parametrize("views", some_slow([2, 1], quick=1))
def test_what_only_the_pair_tells_is_learnt_from_two_views_alone(views: int) -> None:
    settings = two_views if views == 2 else config
    config_ = replace(settings(epochs=20, batch_size=16, learning_rate=1e-2), augment=STILL)
    train_set, val = uneven(64, seed=0), uneven(32, seed=1)
    network = make_network(config_, CPU).classifier
    fabric = Fabric(accelerator="cpu", devices=1)
    groups = val.manifest["group_id"]
    evaluation = EvaluationBatches(images=val, config=config_, device=CPU)
    fit(
        fabric,
        make_learner(fabric, network, config_.optim),
        config_.optim,
        Lesson(
            train=training(train_set, config_),
            val=evaluation,
            loss=make_loss(train_set.labels, config_.balance, CANCER),
            judge=lambda logits: judge(logits, val.labels, groups, CANCER),
            seed=0,
        ),
        history=[],
        report=lambda result: None,
        keep=lambda: None,
        should_stop=lambda: False,
    )
    logits = predict_logits(None, network, evaluation).astype(float)
    auc = auc_of(logits[:, 1] - logits[:, 0], val.labels == 1)
    assert auc > 0.95 if views == 2 else auc < 0.65


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("two_views")
    put_phantoms(root / "phantoms", women=12)
    manifest = pd.read_csv(root / "phantoms" / "manifest.csv")
    manifest[manifest["image_id"] != lost_view(manifest)].to_csv(
        root / "phantoms" / "manifest.csv", index=False
    )
    return root


def lost_view(manifest: pd.DataFrame) -> str:
    """One MLO that this data set does not have."""
    return str(manifest.loc[manifest["view"] == "MLO", "image_id"].iloc[0])


def settings_for(home: Path, **changes: str) -> RunConfig:
    data = DataConfig(folder=str(home / "phantoms"), adapter="phantom_set", label_rule="lesion")
    tiny = {
        "prepare.size": "[64, 32]",
        "optim.batch_size": "8",
        "optim.epochs": "2",
        "model.views": "2",
        "device": "cpu",
    }
    return with_changes(get_recipe("smoke").configure(data, CANCER), tiny | changes)


@pytest.fixture(scope="module")
def finished(home: Path) -> RunFolder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAMMO_HOME", str(home / "home"))
        run = create_run(settings_for(home), home / "runs", what="two", total=2)
        train(run)
    return run


@pytest.fixture
def checkpoint(finished: RunFolder, home: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setenv("MAMMO_HOME", str(home / "home"))
    return load_checkpoint(finished.path)


@pytest.mark.slow
def test_every_image_has_a_prediction_and_the_card_says_what_it_is_of(
    checkpoint: Checkpoint, finished: RunFolder
) -> None:
    predictions = read_predictions(finished.file("predictions.csv"))
    told = {count.split: count.images for count in checkpoint.card.data.splits}
    counted = predictions["split"].value_counts().to_dict()
    assert counted == {split: told[split] for split in (Split.VAL, Split.TEST)}
    assert sum(told.values()) == 47  # 12 women, four views each, less the one that is lost
    assert checkpoint.card.model.views == 2
    assert any("scored with the other view" in limit for limit in checkpoint.card.limits)
    kept = read_embeddings(finished, checkpoint.card)
    assert kept is not None
    last = checkpoint.model.trunk.get_submodule(last_layer(checkpoint.model))
    assert kept.vectors.shape == (told[Split.TRAIN] + told[Split.VAL], last.in_features)


def exam(home: Path, rows: pd.DataFrame) -> list[Mammogram]:
    """The images of `rows` as reading has them, their sides and views known."""
    images = []
    for row in rows.itertuples():
        image = read_mammogram(home / "phantoms" / row.path)
        ref = ImageRef(image_id=row.image_id, side=Laterality(row.side), view=View(row.view))
        images.append(replace(image, info=replace(image.info, ref=ref)))
    return images


def a_tested_woman(home: Path, predictions: pd.DataFrame) -> pd.DataFrame:
    tested = predictions[predictions["split"] == Split.TEST]
    woman = tested["group_id"].iloc[0]
    paths = read_dataset(home / "phantoms", "phantom_set", "lesion").manifest
    rows = tested[tested["group_id"] == woman]
    return rows.merge(paths[["image_id", "path"]], on="image_id")


@pytest.mark.slow
def test_reading_an_exam_gives_the_scores_of_the_evaluation(
    checkpoint: Checkpoint, finished: RunFolder, home: Path
) -> None:
    rows = a_tested_woman(home, read_predictions(finished.file("predictions.csv")))
    readings = score_images(checkpoint, exam(home, rows))
    assert [one.score for one in readings] == pytest.approx(rows["score"].tolist(), abs=1e-5)
    (alone,) = score_images(checkpoint, exam(home, rows)[:1])
    assert alone.score != pytest.approx(readings[0].score, abs=1e-7)


@pytest.mark.slow
def test_evaluating_again_gives_the_predictions_of_the_training(
    checkpoint: Checkpoint, finished: RunFolder, home: Path
) -> None:
    kept = read_predictions(finished.file("predictions.csv")).set_index("image_id")["score"]
    again = evaluate(
        checkpoint,
        read_dataset(home / "phantoms", "phantom_set", "lesion"),
        name="phantoms",
        split="all",
        processes=1,
        report=lambda *_: None,
        should_stop=lambda: False,
    )
    assert again is not None
    table = again.predictions
    assert len(table) == 47
    scores = table.set_index("image_id")["score"].loc[kept.index]
    np.testing.assert_allclose(scores, kept, atol=1e-5)
    assert lone_in_words(partners_of(table)).startswith("1 of 47 images have no other view")


@pytest.mark.slow
def test_openvino_reads_pairs_as_torch_does(
    checkpoint: Checkpoint, finished: RunFolder, home: Path
) -> None:
    images = exam(home, a_tested_woman(home, read_predictions(finished.file("predictions.csv"))))
    engine = open_engine(checkpoint)
    assert engine.name == "openvino fp32"
    ours, theirs = score_images(checkpoint, images, engine=engine), score_images(checkpoint, images)
    for one, other in zip(ours, theirs, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-5)
        np.testing.assert_allclose(one.evidence, other.evidence, atol=1e-3)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-4)


def test_of_an_exam_every_image_is_looked_at_once(
    checkpoint: Checkpoint, finished: RunFolder, home: Path
) -> None:
    images = exam(home, a_tested_woman(home, read_predictions(finished.file("predictions.csv"))))
    looked_at: list[int] = []
    stem = next(m for m in checkpoint.model.trunk.modules() if isinstance(m, torch.nn.Conv2d))
    handle = stem.register_forward_pre_hook(lambda _, inputs: looked_at.append(len(inputs[0])))
    try:
        score_images(checkpoint, images, engine=torch_engine(checkpoint))
        assert looked_at[-1] == len(images) == 4
        score_images(checkpoint, images[:1], engine=torch_engine(checkpoint))
        assert looked_at[-1] == 1
    finally:
        handle.remove()


def evidence_by_hand(
    checkpoint: Checkpoint, image: Mammogram, partner: Mammogram
) -> NDArray[np.float32]:
    """The gradient of the pair's log-odds by the image's own last map, times that map."""
    settings, model = checkpoint.card.prepare, checkpoint.model
    pixels = np.stack([prepare(one, settings).pixels for one in (image, partner)])
    feature_map = model.features(torch.from_numpy(pixels)[None]).detach().requires_grad_(True)
    logits = model.head(feature_map)
    (gradient,) = torch.autograd.grad(logits[0, 1] - logits[0, 0], feature_map)
    weights = gradient[0].mean(dim=(1, 2))
    cells: NDArray[np.float32] = (
        (weights[:, None, None] * feature_map[0].detach()).sum(dim=0).clamp(min=0.0).numpy()
    )
    return cells


def test_a_heatmap_is_the_gradient_of_the_pairs_score_by_its_own_image(
    checkpoint: Checkpoint, finished: RunFolder, home: Path
) -> None:
    rows = a_tested_woman(home, read_predictions(finished.file("predictions.csv")))
    images, partners = exam(home, rows), partners_of(rows)
    peak = checkpoint.card.heatmap_peak
    assert peak
    readings = score_images(checkpoint, images)
    for number, reading in enumerate(readings):
        expected = evidence_by_hand(checkpoint, images[number], images[partners[number]])
        np.testing.assert_allclose(reading.evidence * peak, expected, atol=1e-5)
    assert max(float(reading.evidence.max()) for reading in readings) > 0.0


@pytest.mark.parametrize("method", ["hires_cam", "occlusion", "score_cam"])
def test_other_methods_look_into_one_view_while_the_other_is_held_still(
    checkpoint: Checkpoint, finished: RunFolder, home: Path, method: str
) -> None:
    rows = a_tested_woman(home, read_predictions(finished.file("predictions.csv")))
    images = exam(home, rows)
    readings = score_images(checkpoint, images, method=method)
    assert len(readings) == len(images)
    assert all(isinstance(one, Reading) and one.is_relative for one in readings)
    assert not np.array_equal(readings[0].evidence, readings[1].evidence)


@pytest.mark.slow
def test_training_goes_on_from_one_view_to_two(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(home / "home"))
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(home / "runs"))
    run = create_run(
        settings_for(home, **{"model.views": "1", "optim.epochs": "1"}),
        home / "runs", what="one", total=1,
    )  # fmt: skip
    train(run)
    single = load_checkpoint(run.path).model
    weights = {"model.weights": f"checkpoint:{run.run_id}"}
    pair = make_network(settings_for(home, **weights), CPU).classifier.eval()
    images = torch.rand(2, 2, 1, 64, 32)
    with torch.inference_mode():
        each = single(images.flatten(0, 1))
        torch.testing.assert_close(pair(images), (each[[0, 2]] + each[[1, 3]]) / 2)


def test_going_on_from_two_views_begins_where_they_ended(
    checkpoint: Checkpoint, finished: RunFolder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(home / "runs"))
    settings = settings_for(home, **{"model.weights": f"checkpoint:{finished.run_id}"})
    images = torch.rand(2, 2, 1, 64, 32)
    with torch.inference_mode():
        again = make_network(settings, CPU).classifier.eval()(images)
        torch.testing.assert_close(again, checkpoint.model(images))


def test_data_in_which_no_image_has_its_other_view_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    put_phantoms(tmp_path / "phantoms", women=12)
    manifest = pd.read_csv(tmp_path / "phantoms" / "manifest.csv")
    manifest[manifest["view"] == "CC"].to_csv(tmp_path / "phantoms" / "manifest.csv", index=False)
    with pytest.raises(ConfigError, match="None of the 24 images has its other view"):
        load_dataset(settings_for(tmp_path))
