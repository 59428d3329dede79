"""From settings to a torch module, the same way for every backbone."""

import importlib

from mammo_core.config import ModelConfig
from mammo_core.types import Task
from mammo_core.zoo.catalog import get_backbone
from mammo_core.zoo.classifier import Classifier
from mammo_core.zoo.two_views import TwoViews


def build_model(model: ModelConfig, *, task: Task, channels: int) -> Classifier:
    """Any image size in, one logit per class of `task` out; random weights, never a download."""
    backbone = get_backbone(model.backbone)
    module_name, _, function_name = backbone.builder.partition(":")
    build = getattr(importlib.import_module(module_name), function_name)
    classifier: Classifier = build(backbone, model, classes=len(task.classes), channels=channels)
    return TwoViews(classifier) if model.views == 2 else classifier
