"""Every published network says what the same network says that is put together here from stock
parts; and its file has the names that the authors' files have.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mammo_core.errors import CheckpointError
from mammo_core.zoo.openvino import load_network, write_network
from mammo_core.zoo.published.networks.gmic import Gmics
from mammo_core.zoo.published.networks.mammoclip import MammoClip
from mammo_core.zoo.published.networks.mammoscreen import MammoScreen
from mammo_core.zoo.published.networks.nyu import Nyu, standardised
from mammo_core.zoo.published.networks.parts import (
    Bundled,
    Slotted,
    mean_of_probabilities,
    two_logits,
)
from mammo_core.zoo.published.networks.petrini import Petrini
from mammo_core.zoo.published.networks.rsna import Folds
from mammo_core.zoo.published.nyu import CC_WINDOW
from tests.zoo.published import made

SAME = 1e-5


def filled(trunk, *tables: dict[str, Tensor]):
    """`trunk` with an author's tables, every name in them accounted for."""
    state = trunk.translate([dict(table) for table in tables])
    found = {name for name in state if not name.endswith("num_batches_tracked")}
    wanted = {name for name in trunk.state_dict() if not name.endswith("num_batches_tracked")}
    assert found == wanted
    trunk.load_state_dict(state, strict=False)
    return trunk.eval().requires_grad_(False)


def gmic_net(seed: int) -> made.GmicNet:
    net = made.GmicNet()
    made.disturb(net, seed)
    made.disturb(net.ds_net, seed, torch.randn(1, 1, 512, 384))
    net.fusion_dnn.weight.mul_(0.02)  # else every image is sure of everything
    return net


def is_told_apart(shares: np.ndarray) -> bool:
    """Two images, two answers: else any network would say the same."""
    return bool(np.abs(shares[0] - shares[1]).max() > 10 * SAME)


def probabilities(logits: Tensor) -> np.ndarray:
    return logits.double().softmax(dim=-1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("is_density", [False, True], ids=["cancer", "density"])
def test_mammoscreen_is_the_mean_of_three_stock_networks_at_three_sizes(is_density: bool) -> None:
    sizes = ((128, 64), (96, 64), (96, 96))
    nets = made.mammoscreen()
    picture = made.apart(2, 1, 128, 224)
    for net in nets:
        made.settle(net["linear"], net["linear"](net["backbone"](picture[:, :, :96, :64])))
    file = made.mammoscreen_file(nets)
    assert len(file) == 2346
    assert file["net2.backbone.conv_stem.weight"].shape == (24, 1, 3, 3)
    assert file["net0.linear.weight"].shape == (5, 1280)
    ours = Bundled(filled(MammoScreen(frames=sizes, is_density=is_density), file)).eval()
    left, said = 0, []
    for net, (height, width) in zip(nets, sizes, strict=True):
        five = net["linear"](net["backbone"](picture[:, :, :height, left : left + width]))
        cancer = torch.stack([1 - five[:, 0].sigmoid(), five[:, 0].sigmoid()], dim=1)
        said.append(five[:, 1:].softmax(dim=1) if is_density else cancer)
        left += width
    expected = torch.stack(said).mean(dim=0).numpy()
    assert is_told_apart(expected)
    np.testing.assert_allclose(probabilities(ours(picture)), expected, atol=SAME)


@pytest.mark.slow
def test_rsna_first_is_the_mean_of_four_folds_with_a_maximum_over_space() -> None:
    folds = [made.rsna_fold(seed) for seed in range(4)]
    tables = [made.under("module.", fold.state_dict()) for fold in folds]
    assert len(tables[0]) == 344
    assert tables[0]["module.head.fc.weight"].shape == (1, 768)
    ours = Bundled(filled(Folds(), *tables)).eval()
    images = made.apart(2, 3, 96, 64)
    expected = torch.stack([fold(images).sigmoid() for fold in folds]).mean(dim=0)[:, 0].numpy()
    assert is_told_apart(expected)
    np.testing.assert_allclose(probabilities(ours(images))[:, 1], expected, atol=SAME)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "keys"), [("2021", 812), ("cbis", 1236), ("vindr", 772)])
def test_petrini_over_two_views_takes_cc_before_mlo(kind: str, keys: int) -> None:
    """In double precision: of random weights so deep, rounding alone moves the answer by .05."""
    pair = made.disturb(made.PetriniPair(kind), 1, *torch.randn(2, 2, 3, 128, 96))
    pair.double()
    cc, mlo = made.apart(2, 3, 128, 96).double(), made.apart(2, 3, 128, 96).double().flip(0)
    made.settle(pair.fc, pair(cc, mlo))
    file = made.petrini_pair_file(kind, pair)
    assert len(file) == keys
    assert file["fc.weight"].shape == (2, 2 * made.WIDTHS[kind])
    ours = Slotted(filled(Petrini(kind, views=2), file), views=2).eval().double()
    expected = probabilities(pair(cc, mlo))
    assert is_told_apart(expected)
    logits = ours(torch.stack([cc, mlo], dim=1)).unflatten(1, (2, 2))
    for place in range(2):
        np.testing.assert_allclose(probabilities(logits[:, place]), expected, atol=SAME)
    turned = ours(torch.stack([mlo, cc], dim=1)).unflatten(1, (2, 2))
    assert not np.allclose(probabilities(turned[:, 0]), expected, atol=10 * SAME)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "keys"), [("2021", 406), ("cbis", 618), ("vindr", 386)])
def test_petrini_of_one_view_says_what_its_parts_say(kind: str, keys: int) -> None:
    single = made.disturb(made.PetriniSingle(kind), 2, torch.randn(2, 3, 128, 96))
    images = made.apart(2, 3, 128, 96)
    made.settle(single.fc, single(images))
    file = made.petrini_single_file(kind, single)
    assert len(file) == keys
    ours = Bundled(filled(Petrini(kind, views=1), file)).eval()
    np.testing.assert_allclose(
        probabilities(ours(images)), probabilities(single(images)), atol=SAME
    )


@pytest.mark.slow
def test_petrini_learnt_without_patches_is_the_stock_network() -> None:
    stock = made.disturb(made.petrini_direct_single(), 2, torch.randn(2, 3, 128, 96))
    images = made.apart(2, 3, 128, 96)
    made.settle(stock.classifier[1], stock(images))
    assert "classifier.1.weight" in stock.state_dict()
    ours = Bundled(filled(Petrini("direct", views=1), dict(stock.state_dict()))).eval()
    expected = probabilities(stock(images))
    assert is_told_apart(expected)
    np.testing.assert_allclose(probabilities(ours(images)), expected, atol=SAME)


@pytest.mark.slow
def test_petrinis_convnext_has_no_norm_after_its_last_stage() -> None:
    state = Petrini("vindr", views=1).extractor.state_dict()
    last = {name for name, value in state.items() if "norm" in name and value.shape == (1024,)}
    assert len(last) == 6  # a weight and a bias in each of the three last blocks
    assert all(name.startswith("1.3.blocks.") for name in last)
    assert not any(name.startswith(("norm_pre", "head", "2.")) for name in state)


@pytest.mark.slow
def test_a_part_saved_twice_that_differs_is_refused() -> None:
    pair = made.disturb(made.PetriniPair("2021"), 1)
    file = made.petrini_pair_file("2021", pair)
    name = "two_views_clf.single_clf_full.feature_extractor._conv_stem.weight"
    file[name] = file[name] + 1
    with pytest.raises(CheckpointError, match=r"saved twice, and differs at _conv_stem\.weight"):
        Petrini("2021", views=2).translate([file])


@pytest.mark.slow
def test_gmic_looks_where_its_saliency_is_highest_and_says_the_same() -> None:
    net = gmic_net(3)
    file = dict(net.state_dict())
    assert len(file) == 258
    assert file["fusion_dnn.weight"].shape == (2, 768)
    ours = Bundled(filled(Gmics(1), file)).eval()
    images = made.apart(2, 1, 1024, 768)
    expected = [float(net(image[None])[1]) for image in images]
    assert is_told_apart(np.array(expected))
    np.testing.assert_allclose(probabilities(ours(images))[:, 1], expected, atol=SAME)


@pytest.mark.slow
def test_a_converted_gmic_looks_where_each_image_asks_it_to(tmp_path: Path) -> None:
    """Not where the image asked that it was converted with."""
    ours = Bundled(filled(Gmics(1), dict(gmic_net(3).state_dict()))).eval()
    example = torch.rand(2, 1, 1024, 768)
    write_network(ours, tmp_path / "gmic.xml", example=(example,), shapes=[[-1, 1, 1024, 768]])
    images = made.apart(3, 1, 1024, 768)
    [logits] = load_network(tmp_path / "gmic.xml", "fp32")([images.numpy()])
    np.testing.assert_allclose(logits, ours(images).numpy(), atol=1e-4)


def test_a_converted_mean_of_probabilities_stays_a_number_however_sure_a_member_is(
    tmp_path: Path,
) -> None:
    """OpenVINO's logarithm of a sigmoid is none beyond 88."""

    class Mean(torch.nn.Module):
        def forward(self, logits: Tensor) -> Tensor:
            return mean_of_probabilities([two_logits(logits), two_logits(0.5 * logits)])

    said = torch.tensor([[-3000.0], [-90.0], [-2.0], [0.0], [90.0], [3000.0]])
    write_network(Mean(), tmp_path / "mean.xml", example=(said,), shapes=[[-1, 1]])
    [logits] = load_network(tmp_path / "mean.xml", "fp32")([said.numpy()])
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits, Mean()(said).numpy(), atol=1e-5)
    half = (torch.tensor(-2.0).sigmoid() + torch.tensor(-1.0).sigmoid()) / 2
    assert probabilities(torch.from_numpy(logits))[2, 1] == pytest.approx(float(half), abs=1e-6)


@pytest.mark.slow
def test_what_a_gmic_patch_adds_lies_in_its_window() -> None:
    trunk = filled(Gmics(1), dict(gmic_net(4).state_dict()))
    features = trunk.forward_features(torch.randn(1, 1, 1024, 768))
    added = features[0, 256:768]
    lit = (added.abs().sum(dim=0) > 0).sum()
    assert 16 <= int(lit) <= 6 * 16
    saliency = trunk.own_map(features)
    assert saliency.shape == (1, 16, 12)
    assert 0 <= float(saliency.min()) <= float(saliency.max()) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_by_view", "keys"), [(True, 794), (False, 802)], ids=["views", "images"]
)
def test_the_nyu_classifiers_say_of_each_place_what_their_parts_say(
    is_by_view: bool, keys: int
) -> None:
    cc, mlo = (made.disturb(made.ViewNet(0), seed, torch.rand(2, 1, 200, 150)) for seed in (5, 6))
    heads = made.disturb(made.nyu_heads(is_by_view), 7)
    file = made.nyu_file(cc, mlo, heads)
    assert len(file) == keys
    windows = {"cc_window": (267, 194), "mlo_window": (297, 175)}
    trunk = filled(Nyu(**windows, is_by_view=is_by_view), file)
    ours = Slotted(trunk, views=4).eval()
    exam = torch.rand(1, 4, 1, 297, 194)
    views = [exam[:, 0], exam[:, 1], exam[:, 2], exam[:, 3]]
    top = (297 - 267) // 2
    vectors = [
        net(made.standardised(view)).mean(dim=(2, 3))
        for net, view in (
            (cc, views[0][:, :, top : top + 267, :194]),
            (cc, views[1][:, :, top : top + 267, :194]),
            (mlo, views[2][:, :, :297, :175]),
            (mlo, views[3][:, :, :297, :175]),
        )
    ]
    if is_by_view:
        both = []
        for name, pair in (("cc", vectors[:2]), ("mlo", vectors[2:])):
            hidden = heads[f"fc1_{name}"](torch.cat(pair, dim=1)).relu()
            rows = heads[f"output_layer_{name}"]["fc_layer"](hidden).view(4, 2).log_softmax(-1)
            both.append(rows.exp()[:, 1])
        left, right = ((both[0] + both[1]) / 2)[2:].tolist()
        expected = [left, right, left, right]
    else:
        expected = []
        for name, vector in zip(("lcc", "rcc", "lmlo", "rmlo"), vectors, strict=True):
            hidden = heads[f"fc1_{name}"](vector).relu()
            rows = heads[f"output_layer_{name}"]["fc_layer"](hidden)[:, :4].view(2, 2)
            expected.append(float(rows.softmax(-1)[1, 1]))
    said = probabilities(ours(exam).unflatten(1, (4, 2)))[0, :, 1]
    np.testing.assert_allclose(said, expected, atol=SAME)


def test_a_converted_nyu_network_standardises_a_whole_image_as_exactly_as_torch(
    tmp_path: Path,
) -> None:
    """Mostly black, as a breast in its window is: five million pixels are added up."""

    class Standardised(torch.nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return standardised(images)

    size = CC_WINDOW
    torch.manual_seed(0)
    image = torch.zeros(1, 1, *size)
    image[0, 0, 900:1700, :500] = 0.2 + 0.5 * torch.rand(800, 500)
    write_network(Standardised(), tmp_path / "n.xml", example=(image,), shapes=[[-1, 1, *size]])
    [ours] = load_network(tmp_path / "n.xml", "fp32")([image.numpy()])
    exact = made.standardised(image.double()).numpy()
    np.testing.assert_allclose(ours, exact, atol=1e-4)
    np.testing.assert_allclose(standardised(image).numpy(), exact, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "keys"), [("b2", 508), ("b5", 854)])
def test_mammo_clip_pads_by_fixed_numbers_and_not_by_the_image(kind: str, keys: int) -> None:
    import timm
    from torch import nn

    stock = made.disturb(
        timm.create_model(f"tf_efficientnet_{kind}", pretrained=False, num_classes=0),
        8,
        torch.randn(2, 3, 190, 114),
    )
    head = made.disturb(nn.ModuleDict({"h": nn.Linear(1408 if kind == "b2" else 2048, 1)}), 9)["h"]
    images = torch.randn(1, 3, 190, 114)
    made.settle(head, head(made.fixed_padding(stock, kind)(images).mean(dim=(2, 3))))
    file = made.under("image_encoder.", made.older_names(dict(stock.state_dict()), kind))
    file |= made.under("classifier.classification_head.", dict(head.state_dict()))
    assert len(file) == keys
    ours = Bundled(filled(MammoClip(kind), file)).eval()
    logit = head(made.fixed_padding(stock, kind)(images).mean(dim=(2, 3)))
    np.testing.assert_allclose(
        probabilities(ours(images))[:, 1], logit.sigmoid()[:, 0].numpy(), atol=SAME
    )
    by_image = head(stock(images)).sigmoid()
    assert abs(float(by_image - logit.sigmoid())) > 1e-4
