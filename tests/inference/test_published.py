"""The authors' files come in as checkpoints; what is not such a file does not."""

import argparse
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from mammo_core.errors import CheckpointError
from mammo_core.inference.checkpoint import load_checkpoint
from mammo_core.inference.published import account, as_named, documented, import_published
from mammo_core.runs.card import MEASURED_NAME, NEVER_MEASURED, note_measured
from mammo_core.types import ImageInfo, ImageRef, Mammogram
from mammo_core.words import NOTICE
from mammo_core.zoo.published import get_published
from tests.zoo.published import made

NAME = "mammoclip-b2"  # the smallest of them


@pytest.fixture(scope="module")
def table() -> dict[str, Tensor]:
    """A fine-tuned encoder as its authors save one."""
    torch.manual_seed(0)
    stock = timm.create_model("tf_efficientnet_b2", pretrained=False, num_classes=0)
    head = nn.Linear(1408, 1)
    return made.under(
        "image_encoder.", made.older_names(dict(stock.state_dict()), "b2")
    ) | made.under("classifier.classification_head.", dict(head.state_dict()))


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.slow
def test_a_file_in_the_authors_layout_becomes_a_checkpoint_that_says_whose_it_is(
    tmp_path: Path, table: dict[str, Tensor]
) -> None:
    """Prefixes, an optimizer, settings and arrays beside the weights are what scripts leave."""
    content = {
        "model": {f"module.{name}": value for name, value in table.items()},
        "epoch": 3,
        "predictions": np.zeros(4, dtype=np.float32),
        "auroc": np.float64(0.8),
        "args": argparse.Namespace(lr=0.1),
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]},
    }
    file = saved(tmp_path / "b2.pth", content)
    run = import_published(NAME, [file], tmp_path / "checkpoints")
    checkpoint = load_checkpoint(run.path)
    card = checkpoint.card
    assert card.prepare == get_published(NAME).prepare
    assert card.limits[0].startswith("A published model of Shantanu Ghosh")
    assert NEVER_MEASURED in card.limits
    assert card.limits[-1] == NOTICE
    assert "CC BY-NC-SA 4.0" in card.training.weights_licence
    assert "b2.pth (" in card.training.weights_origin
    ours = checkpoint.model.trunk.state_dict()
    stem = table["image_encoder._conv_stem.weight"]
    assert torch.equal(ours["encoder.conv_stem.weight"], stem)
    note_measured(run.card_file, "20260101-000000-evaluate-0000")
    assert run.file(MEASURED_NAME).exists()
    assert NEVER_MEASURED not in run.card().limits
    with pytest.raises(CheckpointError, match="There is a checkpoint mammoclip-b2 already"):
        import_published(NAME, [file], tmp_path / "checkpoints")


def wrong(table: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    table = dict(table)
    last = "classifier.classification_head.weight"
    if kind == "one too many":
        table["classifier.more.weight"] = torch.zeros(2)
    elif kind == "one too few":
        del table[last]
    elif kind == "another shape":
        table[last] = torch.zeros(1, 1407)
    elif kind == "no number":
        table[last] = torch.full((1, 1408), float("nan"))
    return table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("one too many", r"holds 1 weights .* does not have \(first: classifier\.more\.weight"),
        ("one too few", r"1 of \d+ weights .* not in this file \(first: head\.weight"),
        ("another shape", r"head\.weight, needed \(1, 1408\), found \(1, 1407\)"),
        ("no number", "no number"),
    ],
)
def test_a_file_that_is_not_that_models_leaves_no_folder(
    tmp_path: Path, table: dict[str, Tensor], kind: str, says: str
) -> None:
    file = saved(tmp_path / "b2.pth", {"model": wrong(table, kind)})
    with pytest.raises(CheckpointError, match=says):
        import_published(NAME, [file], tmp_path / "checkpoints")
    assert list((tmp_path / "checkpoints").iterdir()) == []


class Code:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("code-was-run",)


@pytest.mark.slow
def test_code_in_a_file_is_not_run_and_the_file_is_refused(
    tmp_path: Path, table: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = saved(tmp_path / "b2.pth", {"model": table, "extra": Code()})
    with pytest.raises(CheckpointError, match="without running code"):
        import_published(NAME, [file], tmp_path / "checkpoints")
    assert not list(Path.cwd().rglob("code-was-run"))
    assert not (made_in := Path(__file__).parents[2] / "code-was-run").exists(), made_in


@pytest.mark.slow
def test_a_file_cut_short_is_refused(tmp_path: Path, table: dict[str, Tensor]) -> None:
    file = saved(tmp_path / "b2.pth", {"model": table})
    file.write_bytes(file.read_bytes()[:100_000])
    assert not zipfile.is_zipfile(file)
    with pytest.raises(CheckpointError, match=r"b2\.pth"):
        import_published(NAME, [file], tmp_path / "checkpoints")


def test_as_many_files_as_the_list_names_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"4 file\(s\) .* 1 came"):
        import_published("rsna-first", [tmp_path / "one.pth"], tmp_path)


def test_the_same_file_given_twice_is_not_two_of_a_model(tmp_path: Path) -> None:
    folds = []
    for number, content in enumerate((b"one", b"two", b"three", b"one")):
        file = tmp_path / f"best_convnext_fold_{number}.pth.tar"
        file.write_bytes(content)
        folds.append(file)
    with pytest.raises(CheckpointError, match=r"fold_0\.pth\.tar and .*fold_3\.pth\.tar are the"):
        import_published("rsna-first", folds, tmp_path / "checkpoints")


def named(*names: str) -> list[ImageRef]:
    """Pictures without a header, as the authors' are."""
    picture = np.zeros((4, 4), dtype=np.float32)
    made_up = ImageInfo(ref=ImageRef(image_id="x"), kind="PNG", bits=16)
    return [as_named(Mammogram(info=made_up, pixels=picture), name).ref for name in names]


def told(entry: str, *names: str) -> list[float | str]:
    """The documented score of each, or why it has none."""
    found = documented(get_published(entry), named(*names))
    return [one.oracle.score if one.oracle else one.why_not for one in found]


def test_a_documented_score_is_that_of_the_very_image() -> None:
    nobody = "no score of an image of this name is documented"
    assert told("gmic-1", "1_R_CC.png", "0_L-CC.png", "3_R_CC.png") == [0.9910, 0.0081, nobody]
    assert told("nyu-images", "0_L_CC.png", "0_R_CC.png") == [0.0080, nobody]


def test_a_score_of_all_views_is_compared_where_all_are_there() -> None:
    pair = [f"Calc-Test_P_00127_RIGHT_{view}.png" for view in ("CC", "MLO")]
    assert told("petrini-two-cbis", *pair) == [0.1214, 0.1214]
    assert told("petrini-two-vindr", *pair) == [0.7873, 0.7873]
    assert told("petrini-two-cbis", pair[0]) == ["that is of all views, and R MLO is missing"]
    exams = [
        f"{exam}_{side}_{view}.png" for exam in "01" for side in "LR" for view in ("CC", "MLO")
    ]
    left_and_right = [0.0091, 0.0091, 0.0179, 0.0179, 0.0012, 0.0012, 0.7258, 0.7258]
    assert told("nyu-views", *exams) == left_and_right
    assert (
        told("nyu-views", *exams[:3], *exams[4:])[:2]
        == ["that is of all views, and R MLO is missing"] * 2
    )


def test_two_exams_given_together_stay_two() -> None:
    one, other = named("0_L_CC.png", "1_L_CC.png")
    assert (one.exam_id, other.exam_id) == ("0", "1")
    assert one.patient_id != other.patient_id


def test_an_image_that_has_no_place_before_a_network_is_not_compared_and_says_why() -> None:
    [said] = told("nyu-images", "picture.png")
    assert str(said).endswith("this image does not tell which it is")


def test_every_weight_is_accounted_for() -> None:
    wanted = {"a.weight": torch.zeros(2), "b.num_batches_tracked": torch.zeros(())}
    account({"a.weight": torch.zeros(2)}, wanted, title="It")
    with pytest.raises(CheckpointError, match="1 of 2 weights of It are not in this file"):
        account({}, wanted, title="It")
    with pytest.raises(CheckpointError, match="1 weights that It does not have"):
        account({"a.weight": torch.zeros(2), "c": torch.zeros(1)}, wanted, title="It")
