"""Grad-CAM in closed form, without torch: score and heatmap of most networks cost one forward pass.

Most heads are a pooling, perhaps a LayerNorm, and one linear layer. Their gradient can be written
down, so any engine that gives the last feature map gives the heatmap too. Heads with more layers
are differentiated by torch, they alone and never the network before them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mammo_core.zoo.classifier import Classifier

Floats = NDArray[np.floating[Any]]
Maps = NDArray[np.float32]  # (images, rows, columns)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadNorm:
    """LayerNorm over the channels of the pooled vector."""

    weight: Floats
    bias: Floats
    eps: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """What follows the last feature map, as plain arrays: pool, norm where there is one, linear."""

    pooling: Literal["avg", "max", "avgmax", "gem"]
    weight: Floats  # (classes, views * channels)
    bias: Floats  # (classes,)
    norm: HeadNorm | None = None
    power: float = 1.0  # of "gem"
    floor: float = 0.0  # what "gem" lifts lower values to
    views: int = 1  # maps that are scored together, their vectors side by side


def save_head(head: Head, path: Path) -> None:
    norm: dict[str, Any] = {}
    if head.norm is not None:
        norm = {f"norm_{name}": getattr(head.norm, name) for name in ("weight", "bias", "eps")}
    np.savez(
        path, pooling=head.pooling, weight=head.weight, bias=head.bias, power=head.power,
        floor=head.floor, views=head.views, **norm,
    )  # fmt: skip


def load_head(path: Path) -> Head:
    """What `save_head` wrote there."""
    with np.load(path, allow_pickle=False) as kept:
        norm = None
        if "norm_weight" in kept:
            norm = HeadNorm(
                weight=kept["norm_weight"], bias=kept["norm_bias"], eps=float(kept["norm_eps"])
            )
        return Head(
            pooling=str(kept["pooling"]),  # type: ignore[arg-type]
            weight=kept["weight"],
            bias=kept["bias"],
            norm=norm,
            power=float(kept["power"]),
            floor=float(kept["floor"]),
            views=int(kept["views"]),
        )


def grad_cam_of(
    head: "Head | Classifier", feature_map: NDArray[np.float32], positive: Sequence[int]
) -> Maps:
    """Evidence for the positive classes per cell of `feature_map` (images, channels, rows,
    columns), in log-odds, what speaks against them left out: `grad_cam`, whatever the engine.

    Of views scored together, for the first of each. `head` is what `heads.head_of` gives: plain
    arrays, or the classifier where there are none.
    """
    if not isinstance(head, Head):
        import torch

        from mammo_core.explain.grad_cam import grad_cam

        device = next(head.parameters()).device
        return grad_cam(head, torch.from_numpy(feature_map).to(device), positive)
    weights = channel_weights(head, feature_map, positive)
    # Not by way of BLAS (optimize=True): its threads spin on while the next image is read.
    cells = np.einsum("nc,nchw->nhw", weights, feature_map[:: head.views])
    maps: Maps = np.maximum(cells, 0.0).astype(np.float32)
    return maps


def logits_of(head: Head, feature_map: NDArray[np.float32]) -> NDArray[np.float64]:
    """(images, classes): what the head makes of the map."""
    embedding, _ = _normed(head.norm, _pooled(head, feature_map))
    return _said(head, embedding)


def channel_weights(
    head: Head, feature_map: NDArray[np.float32], positive: Sequence[int]
) -> NDArray[np.float32]:
    """The gradient of the log-odds, per image and channel, averaged over the cells."""
    pooled = _pooled(head, feature_map)
    embedding, spread = _normed(head.norm, pooled)
    gradient = _log_odds_gradient(_said(head, embedding), positive) @ head.weight
    gradient = gradient.reshape(pooled.shape)
    if head.norm is not None:
        gradient = _back_through_norm(head.norm, gradient, pooled, spread)
    if head.pooling == "avgmax":  # a channel is in the vector twice: by its mean, by its maximum
        gradient = gradient.reshape(len(gradient), 2, -1).sum(axis=1)
        pooled = pooled[:, : gradient.shape[1]]
    slope = _pooling_slope(head, feature_map, pooled)
    return (gradient * slope)[:: head.views].astype(np.float32)


def _said(head: Head, embedding: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logits of the vectors of all maps, `head.views` of them to a row."""
    beside = embedding.reshape(len(embedding) // head.views, -1)
    logits: NDArray[np.float64] = beside @ head.weight.T + head.bias
    return logits


def _pooled(head: Head, feature_map: NDArray[np.float32]) -> NDArray[np.float64]:
    if head.pooling == "max":
        pooled: NDArray[np.float64] = feature_map.max(axis=(2, 3)).astype(np.float64)
    elif head.pooling == "avg":
        pooled = feature_map.mean(axis=(2, 3), dtype=np.float64)
    elif head.pooling == "avgmax":
        halves = (feature_map.mean(axis=(2, 3), dtype=np.float64), feature_map.max(axis=(2, 3)))
        pooled = np.concatenate(halves, axis=1)
    else:
        raised = np.maximum(feature_map.astype(np.float64), head.floor) ** head.power
        pooled = raised.mean(axis=(2, 3)) ** (1.0 / head.power)
    return pooled


def _pooling_slope(
    head: Head, feature_map: NDArray[np.float32], pooled: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much the pooled value rises with a cell, averaged over the cells.

    The mean shares its slope of 1 among all cells and the maximum gives it to one: the average over
    the cells is the same.
    """
    cells = feature_map.shape[2] * feature_map.shape[3]
    if head.pooling != "gem":
        return np.full_like(pooled, 1.0 / cells)
    lifted = np.maximum(feature_map.astype(np.float64), head.floor)
    steep = np.where(feature_map >= head.floor, lifted ** (head.power - 1.0), 0.0)
    slope: NDArray[np.float64] = steep.mean(axis=(2, 3)) * pooled ** (1.0 - head.power) / cells
    return slope


def _normed(
    norm: HeadNorm | None, pooled: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The normed vector, and the spread it was divided by."""
    if norm is None:
        return pooled, np.ones((len(pooled), 1))
    spread = np.sqrt(pooled.var(axis=1, keepdims=True) + norm.eps)
    standard = (pooled - pooled.mean(axis=1, keepdims=True)) / spread
    return standard * norm.weight + norm.bias, spread


def _back_through_norm(
    norm: HeadNorm,
    gradient: NDArray[np.float64],
    pooled: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What moves all channels alike, or along themselves, the norm takes out again."""
    standard = (pooled - pooled.mean(axis=1, keepdims=True)) / spread
    inner = gradient * norm.weight
    along = (inner * standard).mean(axis=1, keepdims=True)
    result: NDArray[np.float64] = (
        inner - inner.mean(axis=1, keepdims=True) - standard * along
    ) / spread
    return result


def _log_odds_gradient(logits: NDArray[np.float64], positive: Sequence[int]) -> NDArray[np.float64]:
    """Of the log-odds of the summed probability of the positive classes, by the logits."""
    is_positive = np.isin(np.arange(logits.shape[1]), list(positive))
    gradient: NDArray[np.float64] = np.zeros_like(logits)
    for side, sign in ((is_positive, 1.0), (~is_positive, -1.0)):
        shares = np.exp(logits[:, side] - logits[:, side].max(axis=1, keepdims=True))
        gradient[:, side] = sign * shares / shares.sum(axis=1, keepdims=True)
    return gradient
