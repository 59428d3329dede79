"""What goes beside a network that leaves the workbench: how images are prepared for it, what its
outputs are, the threshold in force, its card for the Hugging Face hub, and a MONAI bundle's files.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from mammo_core.records import to_document
from mammo_core.reports.wording import settings_in_words
from mammo_core.runs.card import ModelCard
from mammo_core.runs.operating_points import LockedPoint
from mammo_core.words import NOTICE, OUTSIDE

#: The release that bundles were run with.
_MONAI: Final = "1.6.1"
_NO_THRESHOLD: Final = "None is locked: choose one on the Thresholds page or with `mammo lock`."


def settings_text(
    card: ModelCard,
    point: LockedPoint | None,
    *,
    input_shape: tuple[int, ...],
    difference: float,
) -> str:
    """settings.json: all that must be known to run the network, and what its numbers mean."""
    document = {
        "notice": NOTICE,
        "model_id": card.model_id,
        "title": card.title,
        "weights_sha256": card.weights_sha256,
        "largest_difference_of_a_logit_from_torch": difference,
        "input": {
            "name": "images",
            "dtype": "float32",
            "shape": ["cases", *input_shape],
            "is": _input_in_words(card),
        },
        "outputs": {
            "logits": "one a class, in the order of `classes`",
            "probabilities": "softmax of the logits",
            "score": f"summed probability of {' and '.join(card.task.positive)}",
        },
        "classes": card.task.classes,
        "positive": card.task.positive,
        "classes_are_ordered": card.task.is_ordered,
        "prepare": to_document(card.prepare),
        "prepare_in_words": dict(settings_in_words(card.prepare)),
        "patches": to_document(card.patches),
        "threshold": to_document(point) if point else _NO_THRESHOLD,
        "limits": card.limits,
        "known": f"It has learnt from {card.data.seen} images. All else is: {OUTSIDE}.",
    }
    return json.dumps(to_document(document), indent=2) + "\n"


def _input_in_words(card: ModelCard) -> str:
    what = "whole images as `mammo_core.prepare(image, settings)` gives them, settings below"
    if card.patches is not None:
        what = (
            f"squares of {card.patches.size} pixels cut out of {what}: a score is of a piece of "
            "an image, never of a mammogram"
        )
    if card.model.views == 2:
        what += "; of every breast two, the image that is scored first, its partner second"
    return what


def hub_text(card: ModelCard, text: str) -> str:
    """`text`, the model card in Markdown, headed as the Hugging Face hub reads it."""
    head = {
        "license": "other",
        "license_name": card.data.licence,
        "library_name": "mammoscope",
        "pipeline_tag": "image-classification",
        "tags": ["mammography", "medical-imaging", "research-only", card.model.backbone],
        "model-index": [{"name": card.model_id, "results": list(_results(card))}],
    }
    # JSON is YAML: no text of a card can break out of its line.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    return "\n".join(["---", *lines, "---", "", text])


def _results(card: ModelCard) -> list[dict[str, Any]]:
    return [
        {
            "task": {"type": "image-classification", "name": card.task.title},
            "dataset": {"type": card.data.dataset, "name": card.data.title},
            "metrics": [
                {
                    "type": "roc_auc" if metric.name == "auc" else metric.name.replace(" ", "_"),
                    "value": metric.value,
                    "name": f"{metric.title} by {metric.level}, {card.split_name(metric.split)} "
                    f"(95 % {metric.low:.3f} to {metric.high:.3f}; {metric.positives:,} positive, "
                    f"{metric.negatives:,} not, {metric.women:,} women)",
                }
            ],
        }
        for metric in card.metrics_to_show
        if metric.value is not None and metric.low is not None and metric.high is not None
    ]


def bundle_metadata(card: ModelCard, versions: Mapping[str, str]) -> str:
    """configs/metadata.json of a MONAI bundle; `versions` are of torch, numpy and Mammoscope."""
    height, width = card.prepare.size
    plain = {"dtype": "float32", "is_patch_data": False}
    document = {
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported from {card.model_id}"},
        "monai_version": _MONAI,
        "pytorch_version": versions["torch"],
        "numpy_version": versions["numpy"],
        "required_packages_version": {"mammoscope": versions["mammoscope"]},
        "task": card.task.title,
        "description": f"{card.title}. {NOTICE}",
        "authors": f"see the model card of {card.model_id}",
        "copyright": f"data: {card.data.licence}",
        "intended_use": NOTICE,
        "network_data_format": {
            "inputs": {
                "image": {
                    **plain,
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MG",
                    "num_channels": card.prepare.channels,
                    "spatial_shape": [height, width],
                    "value_range": [],
                    "channel_def": {str(c): "grey" for c in range(card.prepare.channels)},
                }
            },
            "outputs": {
                "pred": {
                    **plain,
                    "type": "probabilities",
                    "format": "classes",
                    "num_channels": len(card.task.classes),
                    "spatial_shape": [],
                    "value_range": [0, 1],
                    "channel_def": {str(n): name for n, name in enumerate(card.task.classes)},
                }
            },
        },
    }
    return json.dumps(document, indent=2) + "\n"


def bundle_inference() -> str:
    """configs/inference.json: scores of a folder's files, prepared as the model learnt them."""
    document = {
        "imports": [
            "$import json",
            "$from pathlib import Path",
            "$import mammo_core",
            "$import torch",
        ],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_file": "$@bundle_root + '/scores.json'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": {
            "_target_": "torch.jit.load",
            "f": "$@bundle_root + '/models/model.ts'",
            "map_location": "@device",
        },
        "card": "$mammo_core.read_card(Path(@bundle_root) / 'configs' / 'model_card.json')",
        "files": "$sorted(one for one in Path(@dataset_dir).iterdir() if one.is_file())",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "Lambda", "func": "$mammo_core.read_mammogram"},
                {
                    "_target_": "Lambda",
                    "func": "$(lambda card: lambda image: "
                    "mammo_core.prepare(image, card.prepare).pixels)(@card)",
                },
            ],
        },
        "dataset": {"_target_": "Dataset", "data": "@files", "transform": "@preprocessing"},
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@dataset",
            "batch_size": 4,
            "num_workers": 0,
        },
        "score": "$lambda network, batches, device: "
        "[float(one) for batch in batches for one in network(batch.to(device))[2]]",
        "run": [
            "$Path(@output_file).write_text(json.dumps(dict(zip([one.name for one in @files], "
            "@score(@network_def, @dataloader, @device))), indent=2))"
        ],
    }
    return json.dumps(document, indent=2) + "\n"
