"""Builds a backbone by its name, treated as its weights want it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from training.backbones import mobilenet_v2, resnet18, small, stock, vit
from training.backbones.backbone import Backbone
from training.backbones.names import BACKBONES
from training.backbones.normalisation import Normalisation, centred, imagenet, symmetric
from training.errors import TrainingError
from training.weights import decide_style, load_weights

# Every network halves the sides up to five times.
SIZE_STEP_PX = 32


@dataclass(frozen=True)
class Entry:
    """How a backbone is built.

    Args:
        build: from the input's side in pixels and the padding's name; the network that weights files fit.
        stages: as in `Backbone`.
        styles: the normalisation for each style of weights that there is; the first one holds without weights.
        finish: makes the backbone's network of the one that `build` gave, after weights were loaded.
        first_kernel: of the layer that has its channels turned, where the files of Keras expect BGR.
        takes_weights: whether weights files exist for it.
    """

    build: Callable[[int, str], keras.Model]
    stages: tuple[str, ...]
    styles: Mapping[str, Normalisation]
    finish: Callable[[keras.Model], keras.Model] | None = None
    first_kernel: str | None = None
    takes_weights: bool = True


def _plain(build: Callable[[int], keras.Model]) -> Callable[[int, str], keras.Model]:
    return lambda size_px, padding: build(size_px)  # noqa: ARG005 - the layout is the same for every style


ENTRIES: Mapping[str, Entry] = {
    "mobilenetv2": Entry(
        mobilenet_v2.build_stock,
        mobilenet_v2.STAGES,
        {"torchvision": imagenet(), "keras": symmetric()},
        finish=mobilenet_v2.with_texture_features,
    ),
    "mobilenetv3": Entry(_plain(stock.build_mobilenet_v3), stock.MOBILENET_V3_STAGES, {"keras": symmetric()}),
    "efficientnetv2b0": Entry(
        _plain(stock.build_efficientnet_v2_b0), stock.EFFICIENTNET_V2_STAGES, {"keras": imagenet()}
    ),
    "densenet121": Entry(_plain(stock.build_densenet121), stock.DENSENET_STAGES, {"keras": imagenet()}),
    "resnet50": Entry(
        _plain(stock.build_resnet50), stock.RESNET50_STAGES, {"keras": centred()}, first_kernel="conv1_conv"
    ),
    "convnexttiny": Entry(_plain(stock.build_convnext_tiny), stock.CONVNEXT_STAGES, {"keras": imagenet()}),
    "resnet18": Entry(_plain(resnet18.build_resnet18), resnet18.STAGES, {"torchvision": imagenet()}),
    "vit": Entry(_plain(vit.build_vit), vit.STAGES, {"keras": symmetric()}),
    "small_cnn": Entry(
        _plain(small.build_small_cnn), small.SMALL_CNN_STAGES, {"keras": imagenet()}, takes_weights=False
    ),
    "tiny": Entry(_plain(small.build_tiny), small.TINY_STAGES, {"keras": imagenet()}, takes_weights=False),
}


def build_backbone(
    name: str, *, weights: Path | None, size_px: int = 224, weights_style: str | None = None
) -> Backbone:
    """A feature extractor by name, with weights from a file or drawn at random (as Keras' seed has it).

    Args:
        name: as in `names.BACKBONES`.
        weights: a file in Keras' layout without its top; None starts from nothing.
        size_px: side of the input; a multiple of 32.
        weights_style: whose values the file holds, for a file that is not known by its hash.

    Raises:
        TrainingError: an unknown name, a size that does not divide, a file that does not fit or is not known.
    """
    if name not in ENTRIES:
        raise TrainingError(f"unknown network {name!r}: choose one of {', '.join(BACKBONES)}")
    if size_px < SIZE_STEP_PX or size_px % SIZE_STEP_PX:
        raise TrainingError(f"the input's side must be a multiple of {SIZE_STEP_PX} px, got {size_px}")
    entry = ENTRIES[name]
    if weights is not None and not entry.takes_weights:
        raise TrainingError(f"the network {name!r} starts from nothing: leave --weights away")
    style = decide_style(name, weights, asked=weights_style, possible=tuple(entry.styles))
    network = entry.build(size_px, style)
    if weights is not None:
        load_weights(network, weights, name)
        if entry.first_kernel is not None:
            stock.turn_first_kernel(network, entry.first_kernel)
    if entry.finish is not None:
        network = entry.finish(network)
    return Backbone(name, network, entry.styles[style], entry.stages, style, weights is not None)
