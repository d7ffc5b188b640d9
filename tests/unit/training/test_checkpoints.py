"""The state of a run on disk."""

from pathlib import Path

import numpy as np
import pytest

from training.checkpoints import CurvePoint, FitPlace, FitState, RunDirectory
from training.errors import TrainingError

POINT = CurvePoint("fold 1", 1, 0.5, None, 1e-4, 12.0)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    """Every array keeps its place and type, and the curve its points."""
    state = FitState(
        network=[np.full(n, n, np.float32) for n in range(12)],
        optimizer=[np.array(7, np.int64)],
        best=[np.zeros((2, 2), np.float32)],
        best_auc=0.75,
        waited=2,
        curve=[POINT],
    )

    FitPlace(tmp_path).save_state(state)
    found = FitPlace(tmp_path).load_state()

    assert found is not None
    assert [array.tolist() for array in found.network] == [[float(n)] * n for n in range(12)]
    assert (found.optimizer[0].dtype, int(found.optimizer[0])) == (np.int64, 7)
    assert (found.best_auc, found.waited, found.curve) == (0.75, 2, [POINT])
    assert found.best[0].shape == (2, 2)


def test_a_damaged_state_counts_as_none(tmp_path: Path) -> None:
    """A file that was cut off is not taken for a state; the fit starts again."""
    place = FitPlace(tmp_path)
    assert place.load_state() is None
    place.save_state(FitState(network=[np.zeros(1000, np.float32)]))
    content = (tmp_path / "state.npz").read_bytes()

    for length in (0, 10, len(content) // 2, len(content) - 8):
        (tmp_path / "state.npz").write_bytes(content[:length])
        assert place.load_state() is None


def test_a_result_replaces_the_state(tmp_path: Path) -> None:
    """What a finished fit leaves is small, and its state goes."""
    place = FitPlace(tmp_path)
    place.save_state(FitState(network=[np.zeros(10)]))

    place.save_result([np.array([0.5, -0.5])], [POINT])

    assert place.load_state() is None
    result = place.load_result()
    assert result is not None
    assert (result[0][0].tolist(), result[1]) == ([0.5, -0.5], [POINT])


def test_a_run_is_known_by_what_shapes_it(tmp_path: Path) -> None:
    """The same shape finds what was kept, another shape does not, and a fresh start forgets it."""
    first = RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=False)
    first.place_of("fold 1").save_result([np.zeros(1)], [])
    first.close()

    again = RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=False)
    other = RunDirectory.open(tmp_path, {"seed": 2}, is_fresh=False)

    assert again.place_of("fold 1").load_result() is not None
    again.close()
    assert other.place_of("fold 1").load_result() is None
    fresh = RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=True)
    assert fresh.place_of("fold 1").load_result() is None


def test_one_process_works_on_a_run(tmp_path: Path) -> None:
    """A second start of the same run is refused while the first one works, and goes on when it has ended."""
    first = RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=False)

    with pytest.raises(TrainingError, match="at work in another process"):
        RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=True)

    first.close()
    RunDirectory.open(tmp_path, {"seed": 1}, is_fresh=False).close()
