"""What the face detector asks of the engine that runs its network."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LARGEST_SIDE_PX = 768
"""Of a canvas, unless somebody wants to look closer on a processor."""
GRID_PX = 32
"""Sides of a canvas are multiples of it."""


class DetectorNetwork(Protocol):
    """CenterFace, loaded by any engine."""

    @property
    def batch_size(self) -> int:
        """How many canvases it had best be given at once."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether it calculates in float32."""
        ...

    def run(self, canvases: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What it says of canvases of one size, one entry along the first axis for each.

        Args:
            canvases: (n, height, width, 3), RGB, uint8; sides are multiples of 32.

        Returns:
            how surely a cell of 4 x 4 pixels is the middle of a face (n, 1, rows, columns), 0..1; the logarithms of its
            height and width in cells, where in the cell its middle is, down and across, both (n, 2, rows, columns); and
            its five points (n, 10, rows, columns). They may lie in memory that the next run writes over.
        """
        ...
