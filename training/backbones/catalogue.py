"""Builds a backbone by its name."""

from pathlib import Path

from training.backbones.backbone import Backbone
from training.backbones.mobilenet_v2 import STAGES, build_mobilenet_v2
from training.backbones.names import BACKBONES
from training.backbones.normalisation import imagenet
from training.backbones.small import TINY_STAGES, build_tiny
from training.errors import TrainingError
from training.weights import load_weights


def build_backbone(name: str, *, weights: Path | None, size_px: int = 224) -> Backbone:
    """A feature extractor by name, with weights from a file or drawn at random.

    Raises:
        TrainingError: an unknown name, or a file that does not fit.
    """
    if name == "mobilenetv2":
        stock, network = build_mobilenet_v2(size_px, "torchvision")
        if weights is not None:
            load_weights(stock, weights, name)
        return Backbone(name, network, imagenet(), STAGES, "torchvision")
    if name == "tiny":
        if weights is not None:
            raise TrainingError("the network 'tiny' starts from nothing: leave --weights away")
        return Backbone(name, build_tiny(size_px), imagenet(), TINY_STAGES)
    raise TrainingError(f"unknown network {name!r}: choose one of {', '.join(BACKBONES)}")
