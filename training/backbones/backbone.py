"""A feature extractor with what belongs to it: normalisation, and where its blocks end."""

from dataclasses import dataclass
from typing import Any

import keras

from training.backbones.normalisation import Normalisation
from training.errors import TrainingError


@dataclass(frozen=True)
class Backbone:
    """A feature extractor.

    Args:
        name: as in `names.BACKBONES`.
        network: normalised pixels (n, h, w, 3), RGB, float32, to the last features (n, h', w', c).
        normalisation: what makes normalised pixels out of 0..255.
        stages: layers from input to output, at the ends of blocks. The top k blocks are the layers that the output of
            `stages[-k]` does not hang on.
        padding: whose way of padding the convolutions follow: "torchvision" or "keras".
        is_pretrained: whether it holds weights from a file. Batch normalisation that was drawn at random has no
            statistics yet, so it must not be kept in inference mode.
        fixed: layers that hold what nobody learns, such as kernels that were written down.
    """

    name: str
    network: keras.Model
    normalisation: Normalisation
    stages: tuple[str, ...]
    padding: str = "keras"
    is_pretrained: bool = False
    fixed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.network.layers]
        missing = [stage for stage in self.stages if stage not in names]
        if missing or not self.stages:
            raise ValueError(f"stages of {self.name} must be layers of its network, got {missing or 'none'}")
        places = [names.index(stage) for stage in self.stages]
        if places != sorted(places):
            raise ValueError(f"stages of {self.name} must go from input to output, got {self.stages}")

    def facts(self) -> dict[str, Any]:
        """What a manifest's training part says of the network."""
        return {"backbone": self.name, "padding": self.padding, "is_pretrained": self.is_pretrained}


def layers_above(backbone: Backbone, blocks: int) -> tuple[Any, ...]:
    """The layers of the top `blocks` blocks, from input to output; all layers for more blocks than there are stages.

    Raises:
        TrainingError: fewer than 0 blocks.
    """
    if blocks < 0:
        raise TrainingError(f"the number of top blocks must be 0 or more, got {blocks}")
    layers = tuple(backbone.network.layers)
    if blocks == 0:
        return ()
    if blocks > len(backbone.stages):
        return layers
    cut = backbone.network.get_layer(backbone.stages[-blocks]).output
    below = {layer.name for layer in keras.Model(backbone.network.inputs[0], cut).layers}
    return tuple(layer for layer in layers if layer.name not in below)
