"""A network's answer is believed only where it was written for these pictures."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bundles import build_bundle
from worker.pipeline.errors import Reason, TransientError, UnreadableVideoError
from worker.pipeline.inference import infer, is_out_of_memory
from worker.resources import forget_resources, resources_of_process
from worker.settings import Settings

PICTURES = np.zeros((2, 8, 8, 3), np.uint8)
ROOT = Path(__file__).parents[4]

# Judges while memory is short, again and again with less short memory, and says what came of it.
IN_NEED = """
import resource, sys
from pathlib import Path
import numpy as np
from worker.pipeline.classifier import load_classifier
from worker.pipeline.errors import TransientError

classifier = load_classifier(Path(sys.argv[1]), device="cpu")
red = np.zeros((8, 224, 224, 3), np.uint8)
red[..., 0] = 255
blue = red[..., ::-1].copy()
right = {"red": classifier.judge(red).logits, "blue": classifier.judge(blue).logits}
in_use = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
for spare in (0, 1_000_000, 5_000_000, 20_000_000):
    resource.setrlimit(resource.RLIMIT_DATA, (in_use + spare, resource.RLIM_INFINITY))
    for name, crops in (("red", red), ("blue", blue)):
        for count in (8, 3, 8, 1):
            try:
                logits = classifier.judge(crops[:count]).logits
                print("right" if np.allclose(logits, right[name][:count], atol=1e-3) else "wrong")
            except (TransientError, MemoryError):
                print("refused")
"""


class FakeTensor:
    """An answer's place in memory."""

    def __init__(self, answer: NDArray[np.float32]) -> None:
        self.data = answer


class FakeRequest:
    """An engine that answers so, or with None not at all."""

    def __init__(self, *, answer: NDArray[np.float32] | None, error: Exception | None = None) -> None:
        self.output_tensors = [FakeTensor(np.full((2, 1), 7.0, np.float32))]
        self._answer = answer
        self._error = error

    def infer(self, _inputs: dict[int, Any], **_shared: bool) -> str:
        """One run."""
        if self._error is not None:
            raise self._error
        if self._answer is not None:
            self.output_tensors[0].data = self._answer
        return "outputs"


def test_a_written_answer_is_handed_on() -> None:
    """What the engine gives is what comes back."""
    assert infer(FakeRequest(answer=np.ones((2, 1), np.float32)), PICTURES) == "outputs"


@pytest.mark.parametrize("answer", [None, np.ones((3, 1), np.float32), np.ones((0, 1), np.float32)])
def test_the_answer_to_other_pictures_is_refused(answer: NDArray[np.float32] | None) -> None:
    """An engine that comes back without an error and without an answer left that of the pictures before."""
    with pytest.raises(TransientError) as caught:
        infer(FakeRequest(answer=answer), PICTURES)

    assert caught.value.reason == Reason.MEMORY_LIMIT
    assert "memory is short" in caught.value.detail


def test_an_engine_without_memory_is_no_defect() -> None:
    """It says so in an error of its own, which is worth another attempt; other errors stay what they are."""
    with pytest.raises(TransientError):
        infer(FakeRequest(answer=None, error=RuntimeError("allocator.cpp:79: std::bad_alloc")), PICTURES)
    with pytest.raises(RuntimeError, match="broken"):
        infer(FakeRequest(answer=None, error=RuntimeError("broken")), PICTURES)


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (MemoryError(), True),
        (RuntimeError("std::bad_alloc"), True),
        (ValueError("OpenCV(4.14.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate"), True),
        (ValueError("shapes differ"), False),
        (TransientError(Reason.MEMORY_LIMIT, "no answer"), True),
        (UnreadableVideoError(Reason.MEMORY_LIMIT, "its decoder is out of memory"), False),
    ],
)
def test_libraries_say_it_in_their_own_words(error: Exception, is_it: bool) -> None:  # noqa: FBT001 - a column
    """Python, OpenVINO and OpenCV each have an error of their own for it."""
    assert is_out_of_memory(error) == is_it


def test_short_memory_never_gives_a_wrong_score(tmp_path: Path) -> None:
    """A process whose memory runs out while it judges says so, or is right; never does it tell another face's score."""
    bundle = build_bundle(tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "-c", IN_NEED, bundle], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    said = done.stdout.split()

    # Whether memory runs out at all depends on the allocator: the tests above make sure that it is noticed.
    assert said, done.stderr
    assert set(said) <= {"right", "refused"}


def test_an_engine_that_ran_out_of_memory_is_loaded_anew(tmp_path: Path) -> None:
    """It may answer wrongly, or end the process, when memory is there again."""
    settings = Settings(home=tmp_path)
    before = resources_of_process(settings)

    forget_resources()

    assert resources_of_process(settings) is not before
