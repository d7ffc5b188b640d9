"""A run that is killed and started again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.training.faces import write_faces

ROOT = Path(__file__).parents[3]


def _train(directory: Path, *, until: Callable[[list[str]], bool] = lambda _: False) -> list[str]:
    """What a run says; it is killed as soon as `until` is true of it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.unit.training.interrupted_run", str(directory)]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if until(lines):
                process.send_signal(signal.SIGKILL)
                break
    if not until(lines):
        assert process.returncode == 0
    return lines


def _held_out(directory: Path) -> list[Any]:
    found = sorted((directory / "cache" / "runs").glob("*/fold-*/result.npz"))
    return [np.load(path)["result-00000"] for path in found]


def _figures(directory: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / "bundle" / "figures.json").read_text(encoding="utf-8"))
    for point in content["training"]["curves"]:
        del point["seconds"]
    return content


@pytest.mark.slow
def test_a_killed_run_goes_on_and_gives_what_an_unbroken_one_gives(tmp_path: Path) -> None:
    """Killed in the middle of an epoch, the run repeats that epoch alone, and ends in the same logits and figures."""
    for name in ("unbroken", "killed"):
        write_faces(tmp_path / name / "faces", sources=3, count=5)
    _train(tmp_path / "unbroken")

    def is_in_second_epoch_of_fold_2(lines: list[str]) -> bool:
        return any(line.startswith("fold 2, epoch 1 of 3") for line in lines) and lines[-1] == "step 2 of 4"

    first = _train(tmp_path / "killed", until=is_in_second_epoch_of_fold_2)
    second = _train(tmp_path / "killed")

    assert first[-1] == "step 2 of 4"
    resumed = [line for line in second if line.startswith("going on with an earlier run")]
    assert "fold 1 is done, fold 2 stands after epoch 1 of 3" in resumed[0]
    assert [line.split(":")[0] for line in second if ", epoch " in line] == [
        "fold 2, epoch 2 of 3",
        "fold 2, epoch 3 of 3",
    ]
    for found, expected in zip(_held_out(tmp_path / "killed"), _held_out(tmp_path / "unbroken"), strict=True):
        assert np.array_equal(found, expected)
    assert _figures(tmp_path / "killed") == _figures(tmp_path / "unbroken")
