"""Whoever only sends scans loads no network."""

import subprocess
import sys

import pytest

HEAVY = {"tensorflow", "keras", "openvino", "cv2", "av", "numpy", "sklearn", "sqlalchemy", "alembic"}


@pytest.mark.parametrize("module", ["worker.app", "worker.broker", "worker.settings"])
def test_importing_a_light_module_loads_nothing_heavy(module: str) -> None:
    """The app is imported by every command and by beat: neither a network nor the database comes with it."""
    loaded = _loaded_after(f"import {module}")

    assert loaded & HEAVY == set()


def test_the_main_process_of_a_worker_loads_no_engine() -> None:
    """An engine that is loaded before the fork hangs in the children."""
    loaded = _loaded_after(
        "import worker.serve; from worker.settings import read_settings; worker.serve.make_judge(read_settings({}))"
    )

    assert loaded & {"tensorflow", "keras", "openvino", "cv2", "av"} == set()


def _loaded_after(statement: str) -> set[str]:
    """The top-level modules in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())
