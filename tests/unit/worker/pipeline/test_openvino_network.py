"""How networks are made ready for a process that has neighbours."""

import pytest

from worker.pipeline.detector_file import find_detector
from worker.pipeline.openvino_network import compile_network, read_network


@pytest.mark.parametrize("threads", [1, 2])
def test_no_process_is_bound_to_the_cores_of_its_neighbour(threads: int) -> None:
    """OpenVINO would bind every process of a worker to the same first core, and leave the others idle."""
    compiled = compile_network(read_network(find_detector()), threads=threads)

    assert compiled.get_property("ENABLE_CPU_PINNING") is False
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
