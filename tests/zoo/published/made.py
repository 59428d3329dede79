"""The authors' networks put together a second time, from stock parts and the fact sheet alone, with
random weights and random norm statistics; and their state under the names that their files have.
"""

from collections.abc import Callable
from typing import Any

import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

State = dict[str, Tensor]


def disturb(network: nn.Module, seed: int, *looks: Tensor) -> nn.Module:
    """Random weights, and norms with statistics of their own, near those of `looks` where the
    network can be shown them: so that what comes out depends on what goes in.
    """
    torch.manual_seed(seed)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.05)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    if looks:
        see(network, norms, *looks)
    for norm in norms:
        norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.7, 1.3)).clamp_(
            min=0.05
        )
        norm.running_mean.add_(0.05 * torch.randn_like(norm.running_mean) * norm.running_var.sqrt())
    return network.eval().requires_grad_(False)


def see(network: nn.Module, norms: list[nn.BatchNorm2d], *looks: Tensor) -> None:
    """Let the norms take over the statistics of `looks`."""
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(*looks)


def apart(count: int, *shape: int) -> Tensor:
    """Images of noise, each of another contrast and another grey."""
    strength = torch.linspace(0.3, 2.0, count).reshape(count, *(1 for _ in shape))
    return torch.randn(count, *shape) * strength + strength


def settle(last: nn.Linear, logits: Tensor) -> None:
    """Let the last layer say no more than 1: networks that are sure of everything all agree."""
    last.weight.div_(logits.abs().max())
    last.bias.zero_()


def under(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


# MammoScreen


def mammoscreen() -> list[nn.Module]:
    """Three times the stock network with a mean pooling, and a linear layer of five."""
    nets = []
    for number in range(3):
        stock = timm.create_model(
            "tf_efficientnetv2_s", pretrained=False, in_chans=1, num_classes=0, global_pool="avg"
        )
        disturb(stock, number, torch.randn(4, 1, 96, 64))
        nets.append(
            nn.ModuleDict({"backbone": stock, "linear": disturb(nn.Linear(1280, 5), number)})
        )
    return nets


def mammoscreen_file(nets: list[nn.Module]) -> State:
    return {
        name: value
        for number, net in enumerate(nets)
        for name, value in under(f"net{number}.", net.state_dict()).items()
    }


# RSNA 2022, first place


def rsna_fold(seed: int) -> nn.Module:
    stock = timm.create_model(
        "convnext_small.fb_in22k_ft_in1k_384",
        pretrained=False, in_chans=3, num_classes=1, global_pool="max",
    )  # fmt: skip
    return disturb(stock, seed)


# Petrini: blocks written out, as the sheet describes them


class TopBlock(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        e = 2 * c
        self._expand_conv = nn.Conv2d(c, e, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(e, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(e, e, 3, 2, 1, groups=e, bias=False)
        self._bn1 = nn.BatchNorm2d(e, eps=1e-3, momentum=0.01)
        self._se_reduce = nn.Conv2d(e, c // 4, 1)
        self._se_expand = nn.Conv2d(c // 4, e, 1)
        self._project_conv = nn.Conv2d(e, c, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(c, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.silu(self._bn0(self._expand_conv(x)))
        x = functional.silu(self._bn1(self._depthwise_conv(x)))
        gate = self._se_expand(
            functional.silu(self._se_reduce(functional.adaptive_avg_pool2d(x, 1)))
        )
        return self._bn2(self._project_conv(x * gate.sigmoid()))


WIDTHS = {"2021": 1280, "cbis": 1536, "vindr": 1024}


def petrini_extractor(kind: str) -> nn.Module:
    if kind == "cbis":
        return torchvision.models.efficientnet_b3(weights=None).features
    if kind == "vindr":
        net: Any = timm.create_model("convnext_base.fb_in22k", pretrained=False)
        return nn.Sequential(net.stem, net.stages)  # no norm_pre, no final norm
    net = timm.create_model("tf_efficientnet_b0", pretrained=False)
    return nn.Sequential(net.conv_stem, net.bn1, net.blocks, net.conv_head, net.bn2)


class PetriniPair(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        width = WIDTHS[kind]
        self.extractor = petrini_extractor(kind)
        self.block1, self.block2 = TopBlock(2 * width), TopBlock(2 * width)
        self.fc = nn.Linear(2 * width, 2)

    def forward(self, cc: Tensor, mlo: Tensor) -> Tensor:
        maps = torch.cat([self.extractor(cc), self.extractor(mlo)], dim=1)
        return self.fc(self.block2(self.block1(maps)).mean(dim=(2, 3)))


class PetriniSingle(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        width = WIDTHS[kind]
        self.extractor = petrini_extractor(kind)
        self.blocks = nn.Sequential(TopBlock(width), TopBlock(width))
        self.fc = nn.Linear(width, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.blocks(self.extractor(images)).mean(dim=(2, 3)))


def petrini_direct_single(classes: int = 2) -> nn.Module:
    """The stock network, its classifier told anew."""
    return torchvision.models.efficientnet_b3(weights=None, num_classes=classes)


_FIRST = {
    "conv_dw": "_depthwise_conv", "bn1": "_bn1", "se.conv_reduce": "_se_reduce",
    "se.conv_expand": "_se_expand", "conv_pw": "_project_conv", "bn2": "_bn2",
}  # fmt: skip
_LATER = {
    "conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1",
    "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand", "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}  # fmt: skip
DEPTHS = {"b0": (1, 2, 2, 3, 3, 4, 1), "b2": (2, 3, 3, 4, 4, 5, 2), "b5": (3, 5, 5, 7, 7, 9, 3)}


def older_names(state: State, kind: str) -> State:
    """timm's names of an EfficientNet as efficientnet_pytorch has them."""
    starts = [sum(DEPTHS[kind][:stage]) for stage in range(7)]
    top = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}

    def renamed(name: str) -> str:
        first, _, rest = name.partition(".")
        if first != "blocks":
            return f"{top[first]}.{rest}"
        stage, block, inner = rest.split(".", 2)
        names = _FIRST if stage == "0" else _LATER
        layer, param = inner.rsplit(".", 1)
        return f"_blocks.{starts[int(stage)] + int(block)}.{names[layer]}.{param}"

    return {renamed(name): value for name, value in state.items()}


def extractor_file(kind: str, extractor: nn.Module) -> State:
    """The extractor's state as a file has it, without the prefix of its place."""
    if kind == "cbis":
        return under("0.", extractor.state_dict())
    if kind == "vindr":
        return dict(extractor.state_dict())
    order = ("conv_stem.", "bn1.", "blocks.", "conv_head.", "bn2.")
    plain = {
        order[int(name[0])] + name[2:]: value for name, value in extractor.state_dict().items()
    }
    return older_names(plain, "b0") | {
        "_fc.weight": torch.zeros(5, 1280),
        "_fc.bias": torch.zeros(5),
    }


def petrini_single_file(kind: str, single: PetriniSingle) -> State:
    return (
        under("feature_extractor.", extractor_file(kind, single.extractor))
        | under("top_layer._blocks.", dict(single.blocks.state_dict()))
        | under("top_layer.fc.", dict(single.fc.state_dict()))
    )


def petrini_pair_file(kind: str, pair: PetriniPair) -> State:
    """Everything shared is there several times; the classifier of single views as well."""
    width = WIDTHS[kind]
    extractor = extractor_file(kind, pair.extractor)
    unused = nn.ModuleDict({"_blocks": nn.Sequential(TopBlock(width), TopBlock(width)),
                            "fc": nn.Linear(width, 2)})  # fmt: skip
    full = "two_views_clf.single_clf_full."
    return (
        under(f"{full}feature_extractor.", extractor)
        | under(f"{full}top_layer.", unused.state_dict())
        | under("two_views_clf.single_clf_core.", extractor)
        | under("block1.", dict(pair.block1.state_dict()))
        | under("block2.", dict(pair.block2.state_dict()))
        | under("fc.", dict(pair.fc.state_dict()))
    )


def petrini_direct_pair_file(pair: PetriniPair) -> State:
    """Of 2024, learnt without patches: the extractor three times, once as torchvision names it,
    with a classifier that two views do not use.
    """
    extractor = dict(pair.extractor.state_dict())
    full = "two_views_clf.single_clf_full."
    usual = petrini_pair_file("cbis", pair)
    return (
        {name: value for name, value in usual.items() if f"{full}feature_extractor" not in name}
        | under(f"{full}feature_extractor.features.", extractor)
        | under(f"{full}feature_extractor.classifier.1.", dict(nn.Linear(1536, 2).state_dict()))
        | under("two_views_clf.feature_extractor.0.", extractor)
    )


# The narrow residual network of New York University


class ViewBlock(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, is_first: bool) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inner), nn.BatchNorm2d(outer)
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        if is_first:
            self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        activated = self.bn1(x).relu()
        residual = self.downsample(activated) if hasattr(self, "downsample") else x
        return self.conv2(self.bn2(self.conv1(activated)).relu()) + residual


class ViewNet(nn.Module):
    def __init__(self, padding: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 7, 2, padding, bias=False)
        self.list = nn.ModuleList()
        inner = 16
        for outer, stride in zip((16, 32, 64, 128, 256), (1, 2, 2, 2, 2), strict=True):
            self.list.append(
                nn.ModuleList(
                    [ViewBlock(inner, outer, stride, True), ViewBlock(outer, outer, 1, False)]
                )
            )
            inner = outer
        self.final_bn = nn.BatchNorm2d(256)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.first(x), 3, 2)
        for stage in self.list:
            for block in stage:
                x = block(x)
        return self.final_bn(x).relu()


def standardised(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    mean, std = flat.mean(1), flat.std(1, unbiased=False)
    return (x - mean[:, None, None, None]) / std[:, None, None, None]


class GmicNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ds_net = ViewNet(3)
        self.left_postprocess_net = nn.ModuleDict(
            {"gn_conv_last": nn.Conv2d(256, 2, 1, bias=False)}
        )
        local = torchvision.models.resnet18(weights=None)
        del local.fc
        self.dn_resnet = local
        self.mil_attn_V = nn.Linear(512, 128, bias=False)
        self.mil_attn_U = nn.Linear(512, 128, bias=False)
        self.mil_attn_w = nn.Linear(128, 1, bias=False)
        self.classifier_linear = nn.Linear(512, 2, bias=False)
        self.fusion_dnn = nn.Linear(768, 2)

    def local(self, patch: Tensor) -> Tensor:
        net = self.dn_resnet
        x = net.maxpool(net.relu(net.bn1(net.conv1(patch.expand(1, 3, 256, 256)))))
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
        return x.mean(dim=(2, 3))

    def corners(self, saliency: Tensor) -> list[tuple[int, int]]:
        """One image, (2, rows, columns): by hand, window by window."""
        both = sum((one - one.min()) / (one.max() - one.min()) for one in saliency)
        found = []
        for _ in range(6):
            rows, columns = both.shape
            best = max(
                ((float(both[r : r + 4, c : c + 4].mean()), -r, -c)
                 for r in range(rows - 3) for c in range(columns - 3)),
            )  # fmt: skip
            row, column = -best[1], -best[2]
            found.append((row, column))
            both[row : row + 4, column : column + 4] = 0
        return found

    def forward(self, image: Tensor) -> Tensor:
        """One image (1, 1, height, width), both classes as probabilities."""
        maps = self.ds_net(image)
        saliency = self.left_postprocess_net["gn_conv_last"](maps).sigmoid()
        h = torch.cat(
            [
                self.local(image[:, :, 64 * row : 64 * row + 256, 64 * column : 64 * column + 256])
                for row, column in self.corners(saliency[0].clone())
            ]
        )
        attention = self.mil_attn_w(self.mil_attn_U(h).sigmoid() * self.mil_attn_V(h).tanh())
        z = (attention.softmax(0) * h).sum(0)
        return self.fusion_dnn(torch.cat([maps.amax(dim=(2, 3))[0], z])).sigmoid()


def nyu_heads(is_by_view: bool) -> nn.ModuleDict:
    names = ("cc", "mlo") if is_by_view else ("lcc", "rcc", "lmlo", "rmlo")
    width = 512 if is_by_view else 256
    heads = nn.ModuleDict()
    for name in names:
        heads[f"fc1_{name}"] = nn.Linear(width, width)
        heads[f"output_layer_{name}"] = nn.ModuleDict({"fc_layer": nn.Linear(width, 8)})
    return heads


def nyu_file(cc: ViewNet, mlo: ViewNet, heads: nn.ModuleDict) -> State:
    return {
        name: value
        for view, net in (("cc", cc), ("mlo", mlo))
        for copy in (view, f"l_{view}", f"r_{view}")
        for name, value in under(f"four_view_resnet.{copy}.", net.state_dict()).items()
    } | dict(heads.state_dict())


# Mammo-CLIP


PADS = {"b2": ((0, 1), (2, 2), (1, 1), (2, 2)), "b5": ((0, 1), (1, 2), (1, 1), (2, 2))}


def fixed_padding(net: Any, kind: str) -> Callable[[Tensor], Tensor]:
    """A function over images: stock layers called one by one, padded by hand."""

    def conv(layer: Any, x: Tensor, before: int, after: int) -> Tensor:
        x = functional.pad(x, (before, after, before, after))
        return functional.conv2d(x, layer.weight, layer.bias, layer.stride, 0, 1, layer.groups)

    def run(x: Tensor) -> Tensor:
        pads = iter(PADS[kind])
        x = net.bn1(conv(net.conv_stem, x, 0, 1))
        for stage in net.blocks:
            for block in stage:
                kept = x
                if hasattr(block, "conv_pwl"):
                    x = block.bn1(block.conv_pw(x))
                side = block.conv_dw.kernel_size[0] // 2
                before, after = next(pads) if block.conv_dw.stride[0] == 2 else (side, side)
                x = conv(block.conv_dw, x, before, after)
                x = block.bn2(x) if hasattr(block, "conv_pwl") else block.bn1(x)
                x = block.se(x)
                if hasattr(block, "conv_pwl"):
                    x = block.bn3(block.conv_pwl(x))
                else:
                    x = block.bn2(block.conv_pw(x))
                if kept.shape == x.shape and block.conv_dw.stride[0] == 1:
                    x = x + kept
        return net.bn2(net.conv_head(x))

    return run
