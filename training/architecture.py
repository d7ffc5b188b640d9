"""Builds the networks: Keras 3 layers alone, normalisation inside, a class activation map beside the logit.

The logit is the mean of the map over its positions, because pooling and the dense layer are both linear (Zhou
et al., "Learning Deep Features for Discriminative Localization", CVPR 2016).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from training.errors import TrainingError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
SCALE = 255.0
BACKBONES = ("mobilenetv2", "tiny")


@dataclass(frozen=True)
class Backbone:
    """A feature extractor and where it is cut.

    Args:
        name: as in BACKBONES.
        network: normalised pixels to the last features (h, w, c).
        trunk_layer: the layer whose output the trainable top starts from.
    """

    name: str
    network: keras.Model
    trunk_layer: str


def build_backbone(name: str, *, weights: Path | None, size_px: int = 224) -> Backbone:
    """A feature extractor by name, with weights from a file or drawn at random.

    Raises:
        TrainingError: an unknown name, or a file that does not fit.
    """
    if name == "mobilenetv2":
        return Backbone(name, _mobilenet_v2(weights, size_px), "block_5_add")
    if name == "tiny":
        if weights is not None:
            raise TrainingError("the network 'tiny' starts from nothing: leave --weights away")
        return Backbone(name, _tiny(size_px), "tiny_1")
    raise TrainingError(f"unknown network {name!r}: choose one of {', '.join(BACKBONES)}")


def split_backbone(backbone: Backbone) -> tuple[keras.Model, keras.Model]:
    """The frozen trunk (pixels 0..255, normalised inside, to middle features) and the top (to last features)."""
    network = backbone.network
    middle = network.get_layer(backbone.trunk_layer).output
    lower = keras.Model(network.inputs[0], middle, name="lower")
    top = keras.Model(middle, network.outputs[0], name="top")
    pixels = keras.Input(network.inputs[0].shape[1:], name="pixels")
    variance = [(std * SCALE) ** 2 for std in IMAGENET_STD]
    mean = [value * SCALE for value in IMAGENET_MEAN]
    normalised = keras.layers.Normalization(mean=mean, variance=variance, name="normalise")(pixels)
    return keras.Model(pixels, lower(normalised), name="trunk"), top


def attach_head(features: Any, *, dropout: float) -> Any:
    """The map of the fake class over the positions of the last features: (n, h, w, 1), without sigmoid."""
    kept = keras.layers.SpatialDropout2D(dropout, name="drop_features")(features)
    return keras.layers.Conv2D(1, 1, name="head")(kept)


def build_top(top: keras.Model, *, dropout: float = 0.0) -> keras.Model:
    """The trainable part alone: middle features in, logit (n, 1) out."""
    middle = keras.Input(top.inputs[0].shape[1:], name="middle")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(attach_head(top(middle), dropout=dropout))
    return keras.Model(middle, pooled, name="trainable")


def assemble(trunk: keras.Model, trainable: keras.Model, *, size_px: int) -> keras.Model:
    """The whole network: pixels 0..255 in, {"logit": (n, 1), "heat_map": (n, h, w)} out."""
    pixels = keras.Input((size_px, size_px, 3), name="pixels")
    features = trainable.get_layer("top")(trunk(pixels))
    by_place = trainable.get_layer("head")(features)
    height, width = by_place.shape[1:3]
    heat_map = keras.layers.Reshape((height, width), name="heat_map")(by_place)
    logit = keras.layers.GlobalAveragePooling2D(name="logit")(by_place)
    return keras.Model(pixels, {"logit": logit, "heat_map": heat_map}, name="classifier")


def _mobilenet_v2(weights: Path | None, size_px: int) -> keras.Model:
    stock = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size_px, size_px, 3))
    config = stock.get_config()
    for layer in config["layers"]:
        # The weights come from torchvision, which pads above and to the left.
        if layer["class_name"] == "ZeroPadding2D":
            layer["config"]["padding"] = ((1, 0), (1, 0))
    network = keras.Model.from_config(config)
    if weights is not None:
        _load_weights(network, weights)
    # Middle features tell unseen generators apart better than the last ones do, which are about what is shown.
    middle = network.get_layer("block_13_expand_relu").output
    pooled = keras.layers.AveragePooling2D(2, name="middle_pool")(middle)
    features = keras.layers.Concatenate(name="features")([pooled, network.outputs[0]])
    return keras.Model(network.inputs[0], features)


def _load_weights(network: keras.Model, weights: Path) -> None:
    if not weights.is_file():
        raise TrainingError(f"no weights file at {weights}: give --weights FILE, or train the network 'tiny'")
    try:
        network.load_weights(str(weights))
    except (ValueError, OSError) as error:
        raise TrainingError(f"{weights} does not fit MobileNetV2 without its top: {error}") from error


def _tiny(size_px: int) -> keras.Model:
    """Four convolutions: for tests, and as the least that can learn."""
    pixels = keras.Input((size_px, size_px, 3))
    features = pixels
    for number, channels in enumerate((8, 16, 24, 32)):
        layer = keras.layers.Conv2D(channels, 3, strides=2, padding="same", activation="relu", name=f"tiny_{number}")
        features = layer(features)
    return keras.Model(pixels, features)
