"""Takes the last features out of a bundle's network, and lays them out on a plane.

The exported network gives a logit and a heat map alone. Its head is a 1x1 convolution, so what enters the convolution
above the heat map are the last features; a second network is cut there from the same file.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.pipeline.inference import infer
from worker.pipeline.openvino_classifier import BATCH_SIZE
from worker.pipeline.openvino_network import compile_network, load_openvino, read_network

PERPLEXITY = 30.0
PRINCIPAL = 50
"""Components kept before the layout, as van der Maaten and Hinton do."""
LEAST_POINTS = 10
_DEEPEST = 12
"""Operations looked at above the heat map; reshaping, bias and transposing are three."""


class FeatureNetwork:
    """The lower part of a bundle's network, up to the head.

    Args:
        path: the OpenVINO network.
        size_px: side of its input.
        threads: of one run.
    """

    def __init__(self, path: Path, *, size_px: int, threads: int) -> None:
        network = read_network(path)
        network.reshape([-1, size_px, size_px, 3])
        entering = _entering_head(network)
        self._request: Any = None
        if entering is not None:
            lower = load_openvino().Model([entering], network.get_parameters(), "features")
            self._request = compile_network(lower, threads=threads).create_infer_request()

    @property
    def is_usable(self) -> bool:
        """Whether the network has a head that could be taken off."""
        return self._request is not None

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The last features of crops (n, size, size, 3), averaged over their places: (n, channels)."""
        parts = []
        for start in range(0, len(crops), BATCH_SIZE):
            infer(self._request, crops[start : start + BATCH_SIZE].astype(np.float32))
            parts.append(self._request.get_output_tensor(0).data.mean(axis=(2, 3), dtype=np.float32))
        return np.concatenate(parts)


def lay_out(features: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float64]:
    """Points on a plane, near to each other where their features are: t-SNE (van der Maaten and Hinton, JMLR 2008).

    Distances between far groups, and the sizes of groups, mean nothing.

    Args:
        features: (n, channels), n at least LEAST_POINTS.
        seed: of the layout.

    Returns:
        (n, 2), each axis within 0..1.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415 - takes a second to import
    from sklearn.manifold import TSNE  # noqa: PLC0415 - as above

    if len(features) < LEAST_POINTS:
        raise ValueError(f"a map needs {LEAST_POINTS} points, got {len(features)}")
    values = np.asarray(features, np.float64)
    spread = values.std(axis=0)
    values = ((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[:, spread > 0]
    if not values.shape[1]:
        # All alike: there is nothing to lay out.
        return np.full((len(features), 2), 0.5)
    components = min(PRINCIPAL, values.shape[1], len(values) - 1)
    reduced = PCA(components, random_state=seed).fit_transform(values)
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    start = "pca" if components > 1 else "random"
    placed = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(reduced).astype(np.float64)
    low, high = placed.min(axis=0), placed.max(axis=0)
    return np.asarray((placed - low) / np.maximum(high - low, 1e-12), np.float64)


def _entering_head(network: Any) -> Any:
    """The output that enters the convolution above the heat map, (n, channels, height, width); None without one."""
    results = [result for result in network.results if "heat_map" in result.output(0).names]
    if not results:
        return None
    node = results[0].input_value(0).get_node()
    for _ in range(_DEEPEST):
        if node.get_type_name() == "Convolution":
            return node.input_value(0)
        if not node.get_input_size():
            return None
        node = node.input_value(0).get_node()
    return None
