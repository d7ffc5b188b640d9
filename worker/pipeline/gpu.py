"""Guesses cheaply whether this machine has a GPU, before an engine that takes seconds to load is asked."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

DEVICES = Path("/dev")
_DEVICE_FILES = ("nvidia[0-9]*", "kfd", "dxg")
"""NVIDIA's, AMD's, and that of Windows' Linux."""


def may_have_gpu(environ: Mapping[str, str] = os.environ, *, devices: Path = DEVICES) -> bool:
    """Whether it is worth asking TensorFlow; False where the environment hides every GPU."""
    hidden = environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1"):
        return False
    if any(True for pattern in _DEVICE_FILES for _ in devices.glob(pattern)):
        return True
    return shutil.which("nvidia-smi", path=environ.get("PATH")) is not None
