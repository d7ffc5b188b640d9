"""What a network wants done to pixels before its first layer; travels in the manifest."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Normalisation:
    """`(pixel / scale - mean) / std` for pixels in 0..255, channel by channel in the order RGB.

    Args:
        mean: of each channel, in units of `scale`.
        std: of each channel, in units of `scale`; positive.
        scale: what pixels are divided by first; positive.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scale must be positive, got {self.scale}")
        if not all(math.isfinite(value) for value in self.mean):
            raise ValueError(f"mean must be three numbers, got {self.mean}")
        if not all(math.isfinite(value) and value > 0 for value in self.std):
            raise ValueError(f"std must be three positive numbers, got {self.std}")

    def to_json(self) -> dict[str, Any]:
        """As the manifest holds it."""
        return {"mean": list(self.mean), "std": list(self.std), "scale": self.scale}


def imagenet() -> Normalisation:
    """Mean and deviation of ImageNet's pixels in [0, 1], as torchvision's networks want them."""
    return Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 255.0)


def symmetric() -> Normalisation:
    """[-1, 1], as Keras' own MobileNet files want it."""
    return Normalisation((1.0, 1.0, 1.0), (1.0, 1.0, 1.0), 127.5)


def centred() -> Normalisation:
    """The mean of each channel taken away and nothing else, as networks that came from Caffe want it."""
    return Normalisation((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), 1.0)
