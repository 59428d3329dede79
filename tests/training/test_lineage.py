"""Going on from a checkpoint: same network, same weights, and nobody tested on whom it knows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mammo_core.config import RunConfig, save_settings
from mammo_core.errors import CheckpointError, RunError
from mammo_core.files import sha256_of
from mammo_core.runs.card import write_card
from mammo_core.runs.folder import MEMBERS_NAME, RunFolder, RunStatus
from mammo_core.runs.sidecars import SEEN_NAME, write_seen
from mammo_core.training.lineage import (
    check_origin,
    origin_of,
    refuse_other_images,
    refuse_other_weights,
    seen_table,
)
from mammo_core.training.network import make_network
from mammo_core.training.outcome import how_chosen, save_weights
from mammo_core.types import CANCER, RunState, Split
from mammo_core.zoo.build import build_model
from tests.inference.made_up import card
from tests.runs.test_seen import SEEN, SPLITS, of_women
from tests.training.made_up import CONFIG

ON = replace(CONFIG, model=replace(CONFIG.model, weights="checkpoint:earlier"))


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MAMMO_CHECKPOINTS", str(tmp_path))
    run = RunFolder(tmp_path / "earlier")
    run.path.mkdir()
    torch.manual_seed(7)
    model = build_model(CONFIG.model, task=CANCER, channels=1)
    weights = run.file("weights.safetensors")
    save_weights(model, weights)
    made = replace(card(sha256_of(weights)), model=CONFIG.model, model_id="earlier")
    write_card(made, run.file("model_card.json"))
    write_seen(SEEN, None, run.file(SEEN_NAME))
    run.write_status(RunStatus(state=RunState.FINISHED))
    return run


def test_training_goes_on_from_every_weight_of_the_checkpoint(earlier: RunFolder) -> None:
    network = make_network(ON, torch.device("cpu"))
    stored = load_file(earlier.file("weights.safetensors"))
    for name, tensor in network.classifier.state_dict().items():
        assert torch.equal(tensor, stored[name]), name


def test_settings_that_name_no_checkpoint_have_no_origin() -> None:
    assert origin_of(CONFIG) is None


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (replace(ON, model=replace(ON.model, pooling="avg")), "max pooling, this run a light_cnn"),
        (replace(ON, model=replace(ON.model, weights="checkpoint:gone")), "no run named 'gone'"),
    ],
)
def test_another_network_or_none_is_refused(
    earlier: RunFolder, config: RunConfig, complaint: str
) -> None:
    with pytest.raises((CheckpointError, RunError), match=complaint):
        origin_of(config)


def test_weights_that_were_changed_since_are_refused(earlier: RunFolder) -> None:
    weights = earlier.file("weights.safetensors")
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="not those its card was written for"):
        origin_of(ON)
    weights.unlink()
    with pytest.raises(CheckpointError, match="not those its card was written for"):
        origin_of(ON)


def test_women_the_checkpoint_learnt_from_are_not_tested_on(earlier: RunFolder) -> None:
    """ann was trained on; dora was only tested on."""
    origin = origin_of(ON)
    assert origin is not None
    test = {Split.TRAIN: of_women("eva", seed=5), Split.TEST: of_women("ann", "dora", seed=6)}
    leaky = seen_table(test, dataset="a set")
    with pytest.raises(RunError, match=r"1 of 2 test women .* earlier learnt from \(first: ann\)"):
        check_origin(origin, leaky, is_leak_allowed=False)
    (stamp,) = check_origin(origin, leaky, is_leak_allowed=True)
    assert stamp.startswith("Leaky: 1 of 2 test women")
    others = leaky[leaky["group_id"] != "ann"]
    assert check_origin(origin, others, is_leak_allowed=False) == ()


def test_a_run_goes_on_with_the_images_it_began_with_and_with_no_others(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    refuse_other_images(run, SEEN)  # nothing is known of what it began with
    origin = seen_table({Split.TRAIN: of_women("NA", "ann", seed=7)}, dataset="a set")
    write_seen(SEEN, origin, run.file(SEEN_NAME))
    refuse_other_images(run, SEEN)
    refuse_other_images(run, SEEN[::-1])
    dealt_anew = {**SPLITS, Split.VAL: SPLITS[Split.TEST], Split.TEST: SPLITS[Split.VAL]}
    one_more = {**SPLITS, Split.TRAIN: of_women("ann", "ann", "bea", "eva", seed=1)}
    one_less = {**SPLITS, Split.TRAIN: of_women("ann", "ann", seed=1)}
    other_file = {**SPLITS, Split.VAL: of_women("cleo", seed=8)}
    for splits in (dealt_anew, one_more, one_less, other_file):
        with pytest.raises(RunError, match=r"not those this run began with: \d of"):
            refuse_other_images(run, seen_table(splits, dataset="a set"))


def test_what_has_no_weights_says_what_it_is(earlier: RunFolder) -> None:
    refuse_other_weights(earlier)
    earlier.weights_file.unlink()
    with pytest.raises(CheckpointError, match="weights of earlier are missing"):
        refuse_other_weights(earlier)
    earlier.card_file.unlink()
    save_settings(CONFIG, earlier.settings_file)
    earlier.write_status(RunStatus(state=RunState.STOPPED))
    with pytest.raises(
        CheckpointError, match=r"earlier is stopped, and no model yet\..*resume ear"
    ):
        refuse_other_weights(earlier)
    earlier.file(MEMBERS_NAME).write_text("{}")
    with pytest.raises(CheckpointError, match="several models put together, and no weights"):
        refuse_other_weights(earlier)


def test_a_checkpoint_that_does_not_tell_whom_it_has_seen_is_said_to(earlier: RunFolder) -> None:
    earlier.file(SEEN_NAME).unlink()
    origin = origin_of(ON)
    assert origin is not None
    (told,) = check_origin(origin, SEEN, is_leak_allowed=False)
    assert told.startswith(
        "Training went on from earlier. earlier does not record whom it has seen"
    )
    assert "`mammo checkpoints seen earlier` writes the list anew" in told


def test_the_card_says_who_chose_the_epoch() -> None:
    manifest = of_women("ann", "bea", "bea", seed=1).manifest.assign(split="val")
    record = replace(card("0").training, epochs=9, best_epoch=4)
    told = how_chosen(CONFIG, record, manifest)
    assert told.startswith("Epoch 4 of 9 was chosen on 2 validation women; a temperature or")
    patient = replace(CONFIG, optim=replace(CONFIG.optim, patience=3))
    assert how_chosen(patient, record, manifest).startswith("When to stop, and epoch 4 of 9, was")
    folds = replace(CONFIG, data=replace(CONFIG.data, folds=5))
    assert "(the held-out fold chooses nothing)" in how_chosen(folds, record, manifest)
    last = replace(CONFIG, optim=replace(CONFIG.optim, monitor="last", patience=0))
    assert (
        how_chosen(last, record, manifest) == "Epoch 4 of 9, the last, was kept; none was chosen."
    )
