"""Loads weights files, and tells by their hash which normalisation and padding their values want."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras

from training.errors import TrainingError


@dataclass(frozen=True)
class KnownFile:
    """A weights file that was looked at: the backbone that it fits and whose values it holds."""

    backbone: str
    style: str


KNOWN_FILES = {
    # torchvision's MobileNetV2 (V1 weights) in Keras' layout, with the variances shifted for Keras' epsilon.
    "e42a5942201a6e9daa930c15751824959be3ce377777b4b9d11474df877c1fc3": KnownFile("mobilenetv2", "torchvision"),
    # keras.applications, convnext_tiny_notop.h5; the hash is the one that Keras pins.
    "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1": KnownFile("convnexttiny", "keras"),
}


def decide_style(name: str, weights: Path | None, *, asked: str | None, possible: tuple[str, ...]) -> str:
    """Whose values a file holds: "torchvision" or "keras".

    Args:
        name: of the backbone.
        weights: the file; None starts from nothing, and the first possible style holds.
        asked: what the user says of it; None where the hash shall decide.
        possible: the styles that the backbone can be built for.

    Raises:
        TrainingError: there is no file, it belongs to another backbone, or its style is not known.
    """
    if asked is not None and asked not in possible:
        raise TrainingError(f"{name} has no weights of the style {asked!r}: choose {' or '.join(possible)}")
    if weights is None:
        return asked or possible[0]
    known = KNOWN_FILES.get(sha256_of(weights))
    if known is None:
        if asked is None and len(possible) > 1:
            raise TrainingError(
                f"the hash of {weights} is not known, so neither is what its values want:"
                f" say whose they are with --weights-style {' or '.join(possible)}"
            )
        return asked or possible[0]
    if known.backbone != name:
        raise TrainingError(f"{weights} holds weights of {known.backbone}, not of {name}: give --backbone or --weights")
    if asked not in (None, known.style):
        raise TrainingError(f"{weights} is known to hold values of {known.style}: leave --weights-style away")
    return known.style


def load_weights(network: keras.Model, weights: Path, name: str) -> None:
    """Fills a network from a file in Keras' layout.

    Raises:
        TrainingError: there is no file, or it does not fit.
    """
    _require_file(weights)
    try:
        with warnings.catch_warnings():
            # Keras only warns of layers that the file does not hold, and leaves them as they were drawn.
            warnings.filterwarnings("error", message="Skipping|A total of")
            network.load_weights(str(weights))
    except (ValueError, OSError, KeyError, TypeError, UserWarning) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise TrainingError(
            f"{weights} does not fit the network {name!r} without its top ({lines[0]}):"
            " give a file that was saved from it, or leave --weights away"
        ) from error


def sha256_of(path: Path) -> str:
    """The hash of a file's content.

    Raises:
        TrainingError: there is no such file.
    """
    _require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise TrainingError(f"no weights file at {path}: give --weights FILE, or leave it away to start from nothing")
