"""GMIC: a global network says where to look, a local one looks there, both are weighed together.

The map holds, per member: the global maps, what each patch adds to the local vector, spread over
the cells it covers, and the saliency of both classes.
"""

from collections.abc import Sequence
from typing import Any, Final

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config import ModelConfig
from mammo_core.zoo.catalog import Backbone
from mammo_core.zoo.classifier import ChannelsFirst, Classifier
from mammo_core.zoo.published.networks.parts import Bundled, Several, State, joined, under
from mammo_core.zoo.published.networks.resnet22 import ResNet22, own_names

PATCH: Final = 256  # pixels
PATCHES: Final = 6
_GLOBAL: Final = 256
_LOCAL: Final = 512
_ATTENTION: Final = 128
_CLASSES: Final = 2  # benign, malignant
_MALIGNANT: Final = 1
_PARTS: Final = (_GLOBAL, _LOCAL, _CLASSES)


class Gmic(nn.Module):
    """One member."""

    def __init__(self) -> None:
        super().__init__()
        self.ds_net = ResNet22(padding=3)
        self.saliency = nn.Conv2d(_GLOBAL, _CLASSES, 1, bias=False)
        local: Any = torchvision.models.resnet18(weights=None)
        local.fc = nn.Identity()
        self.dn_resnet = local
        self.mil_attn_V = nn.Linear(_LOCAL, _ATTENTION, bias=False)
        self.mil_attn_U = nn.Linear(_LOCAL, _ATTENTION, bias=False)
        self.mil_attn_w = nn.Linear(_ATTENTION, 1, bias=False)
        self.classifier_linear = nn.Linear(_LOCAL, _CLASSES, bias=False)  # in the file, unused
        self.fusion_dnn = nn.Linear(_GLOBAL + _LOCAL, _CLASSES)

    def forward_features(self, images: Tensor) -> Tensor:
        maps = self.ds_net(images)
        saliency = torch.sigmoid(self.saliency(maps))
        # Whole numbers also where the network is traced, which makes tensors of them.
        corners, window = chosen_windows(saliency, int(images.shape[2]), int(images.shape[3]))
        vectors = self._look(images, corners, saliency.shape[2:])
        gate = torch.sigmoid(self.mil_attn_U(vectors)) * torch.tanh(self.mil_attn_V(vectors))
        weights = self.mil_attn_w(gate).softmax(dim=1)
        added = _spread(weights * vectors, corners, window, saliency.shape[2:])
        return torch.cat([maps, added, saliency], dim=1)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        maps, added, _ = features.split(_PARTS, dim=1)
        vector = torch.cat([maps.amax(dim=(2, 3)), added.sum(dim=(2, 3))], dim=1)
        logits: Tensor = vector if pre_logits else self.fusion_dnn(vector)
        return logits

    def _look(self, images: Tensor, corners: Tensor, cells: Sequence[int]) -> Tensor:
        """The local network's vector of each patch, (images, patches, channels)."""
        height, width = images.shape[2:]
        reach = torch.arange(PATCH, device=images.device)
        rows = (corners[..., 0] / cells[0] * height).round().long()[..., None] + reach
        columns = (corners[..., 1] / cells[1] * width).round().long()[..., None] + reach
        rows, columns = rows.clamp(max=height - 1), columns.clamp(max=width - 1)
        which = torch.arange(images.shape[0], device=images.device)[:, None, None, None]
        patches = images[which, 0, rows[..., :, None], columns[..., None, :]]
        looked: Tensor = self.dn_resnet(
            patches.flatten(0, 1)[:, None].expand(-1, 3, -1, -1)
        ).unflatten(0, (-1, PATCHES))
        return looked


def chosen_windows(saliency: Tensor, height: int, width: int) -> tuple[Tensor, tuple[int, int]]:
    """The upper left cells of the windows with the highest mean, one after the other, each blotted
    out before the next is looked for: (images, patches, 2), and a window's size in cells.
    """
    rows, columns = map(int, saliency.shape[2:])
    window = round(PATCH * rows / height), round(PATCH * columns / width)
    low, high = saliency.amin(dim=(2, 3), keepdim=True), saliency.amax(dim=(2, 3), keepdim=True)
    left = ((saliency - low) / (high - low)).sum(dim=1, keepdim=True)
    down = torch.arange(rows, device=saliency.device)[:, None]
    across = torch.arange(columns, device=saliency.device)[None, :]
    found = []
    for _ in range(PATCHES):
        means = functional.avg_pool2d(left, window, stride=1)
        best = means.flatten(1).argmax(dim=1)
        row, column = best // means.shape[3], best % means.shape[3]
        found.append(torch.stack([row, column], dim=1))
        r, c = row[:, None, None], column[:, None, None]
        inside = (down >= r) & (down < r + window[0]) & (across >= c) & (across < c + window[1])
        left = left * (~inside)[:, None]
    return torch.stack(found, dim=1), window


def _spread(
    vectors: Tensor, corners: Tensor, window: tuple[int, int], cells: Sequence[int]
) -> Tensor:
    """Vectors (images, patches, channels) in equal parts over the cells of their windows."""
    down = torch.arange(cells[0], device=vectors.device)
    across = torch.arange(cells[1], device=vectors.device)
    row, column = corners[..., 0, None], corners[..., 1, None]
    in_rows = ((down >= row) & (down < row + window[0])).to(vectors.dtype)
    in_columns = ((across >= column) & (across < column + window[1])).to(vectors.dtype)
    inside = in_rows[..., :, None] * in_columns[..., None, :] / (window[0] * window[1])
    return torch.einsum("npc,nphw->nchw", vectors, inside)


class Gmics(Several):
    """The members, one or five."""

    width = sum(_PARTS)

    def __init__(self, count: int) -> None:
        super().__init__(Gmic() for _ in range(count))

    def positive(self, logits: Tensor) -> Tensor:
        return logits[:, _MALIGNANT, None]

    def own_map(self, features: Tensor) -> Tensor:
        """The saliency of malignancy, 0 to 1, averaged over the members."""
        saliency = [own[:, -1] for own in features.split(self.width, dim=1)]
        return torch.stack(saliency).mean(dim=0)

    def plain(self) -> Classifier:
        nets: Any = self.nets
        return Classifier(nets[0].ds_net, layout=ChannelsFirst())

    def own_names(self, table: State) -> State:
        return _renamed(table)


def _renamed(table: State) -> State:
    whole = {
        name.removeprefix("ds_net."): value
        for name, value in table.items()
        if name.startswith("ds_net.")
    }
    last = {"left_postprocess_net.gn_conv_last.weight": "saliency.weight"}
    rest = (
        {last.get(name, name): value}
        for name, value in table.items()
        if not name.startswith("ds_net.")
    )
    return joined(under("ds_net.", own_names(whole)), *rest)


def build(backbone: Backbone, model: ModelConfig, *, classes: int, channels: int) -> Bundled:
    made = Bundled(Gmics(1 if backbone.name.endswith("-1") else 5))
    made.has_own_map = True
    return made
