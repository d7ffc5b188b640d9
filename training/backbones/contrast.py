"""Compares the face with what lies around it: every feature once more, weighed by where it stands.

A swapped face, and a generated one, differs from its own surroundings in grain, sharpness and compression; what camera,
codec and site do to a picture, they do to both. So each feature gets a second channel, positive within the face and
negative in the ring around it, whose mean over the places is the difference of the two. It is still a sum over places:
one linear head and its map serve for both.
"""

import dataclasses

import keras
import numpy as np
from numpy.typing import NDArray

from training.backbones.backbone import Backbone
from training.errors import TrainingError

Window = NDArray[np.float32]

FACE_RADII = (0.27, 0.33)
"""Of the ellipse within the face, across and down, as shares of the crop's side (margin 1.3): brow to chin."""
RING = 1.4
"""How much larger the ring's outer edge is: cheeks, hair and neck, still short of the crop's own edge."""
LEAST_GRID = 4


def with_contrast(backbone: Backbone) -> Backbone:
    """The same backbone with the contrast of each of its channels behind them.

    Raises:
        TrainingError: the grid of the features is too coarse to tell a face from its surroundings.
    """
    features = backbone.network.outputs[0]
    weighed = features * window(int(features.shape[1]))[None, :, :, None]
    joined = keras.layers.Concatenate(name="features_and_contrast")([features, weighed])
    return dataclasses.replace(backbone, network=keras.Model(backbone.network.inputs[0], joined))


def window(grid: int) -> Window:
    """The weight of each place, (grid, grid): its mean with a feature is the mean in the face less that in the ring.

    Raises:
        TrainingError: there are too few places.
    """
    if grid < LEAST_GRID:
        raise TrainingError(
            f"a contrast between face and surroundings needs {LEAST_GRID} places across, got {grid}: give a larger"
            " --size, or leave --contrast away"
        )
    from_middle = (np.arange(grid) + 0.5) / grid - 0.5
    across, down = FACE_RADII
    distance = np.hypot(from_middle[None, :] / across, from_middle[:, None] / down)
    face, ring = distance <= 1, (distance > 1) & (distance <= RING)
    return np.asarray(grid**2 * (face / face.sum() - ring / ring.sum()), np.float32)
