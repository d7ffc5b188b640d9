"""Fetches ImageNet weights of the backbones, each checked against the hash that its publisher pins.

Runs on a bare Python: only the standard library is imported here.
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from scripts.parts.downloading import FetchError, download, has_hashes

# Where keras.applications downloads from.
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class WeightsFile:
    """Weights without the top, in Keras' layout.

    Args:
        backbone: whose they are.
        file_name: as published.
        folder: the public address that holds it; None where it lies on nobody's server but your own.
        hashes: what is pinned, by algorithm; empty where the publisher pins nothing.
        style: what `fakesweep train --weights-style` must be told; None where it knows the file, or needs no telling.
    """

    backbone: str
    file_name: str
    folder: str | None
    hashes: dict[str, str] = field(default_factory=dict)
    style: str | None = None


# The hashes are those in keras.applications 3.15, most of them MD5. It pins none for MobileNetV2.
FILES = {
    "mobilenetv2": WeightsFile(
        "mobilenetv2",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        f"{KERAS}/mobilenet_v2",
        style="keras",
    ),
    "mobilenetv2-torchvision": WeightsFile(
        "mobilenetv2",
        "mobilenet_v2_imagenet_no_top.weights.h5",
        None,
        {"sha256": "e42a5942201a6e9daa930c15751824959be3ce377777b4b9d11474df877c1fc3"},
    ),
    "mobilenetv3": WeightsFile(
        "mobilenetv3",
        "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        f"{KERAS}/mobilenet_v3",
        {"md5": "07fb09a5933dd0c8eaafa16978110389"},
    ),
    "efficientnetv2b0": WeightsFile(
        "efficientnetv2b0",
        "efficientnetv2-b0_notop.h5",
        f"{KERAS}/efficientnet_v2",
        {"md5": "893217f2bb855e2983157299931e43ff"},
    ),
    "densenet121": WeightsFile(
        "densenet121",
        "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{KERAS}/densenet",
        {"md5": "30ee3e1110167f948a6b9946edeeb738"},
    ),
    "resnet50": WeightsFile(
        "resnet50",
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        f"{KERAS}/resnet",
        {"md5": "4d473c1dd8becc155b73f8504c6f6626"},
    ),
    "convnexttiny": WeightsFile(
        "convnexttiny",
        "convnext_tiny_notop.h5",
        f"{KERAS}/convnext",
        {"sha256": "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"},
    ),
}


def fetch_backbone(name: str, *, mirror: str | None, to: Path, sha256: str | None = None) -> Path:
    """Puts a backbone's weights into a directory, unless they are there; tells how to train with them.

    Args:
        name: as in FILES.
        mirror: an http(s) address or a directory that holds the file under its published name; None: the public one.
        to: the directory.
        sha256: what the user knows of the file, in hex; checked beside what is pinned.

    Returns:
        the file.

    Raises:
        FetchError: an unknown name, nothing to check the file against, or it cannot be had.
    """
    if name not in FILES:
        raise FetchError(f"there are no weights for {name!r}: choose one of {', '.join(FILES)}")
    wanted = FILES[name]
    hashes = _hashes(wanted, sha256)
    target = to / wanted.file_name
    if not has_hashes(target, hashes):
        folder = mirror or wanted.folder
        if folder is None:
            raise FetchError(
                f"{wanted.file_name} has no public address: give --mirror ADDRESS_OR_DIRECTORY,"
                " or set FAKESWEEP_WEIGHTS_MIRROR"
            )
        download(f"{folder.rstrip('/')}/{wanted.file_name}", target, hashes)
    if "sha256" not in hashes:
        _say(f"{wanted.file_name} was checked by MD5 alone, which is all that Keras pins; --sha256 HEX adds your own")
    style = f" --weights-style {wanted.style}" if wanted.style else ""
    _say(f"use it: fakesweep train --backbone {wanted.backbone} --weights {target}{style}")
    return target


def _hashes(wanted: WeightsFile, sha256: str | None) -> dict[str, str]:
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise FetchError(f"--sha256 must be 64 hexadecimal digits, got {sha256!r}")
    given = {} if sha256 is None else {"sha256": sha256.lower()}
    pinned = wanted.hashes.get("sha256")
    if pinned is not None and given.get("sha256", pinned) != pinned:
        raise FetchError(
            f"{wanted.file_name} is pinned to sha256 {pinned}, and --sha256 says another one: leave it away"
        )
    hashes = {**wanted.hashes, **given}
    if not hashes:
        raise FetchError(
            f"no hash of {wanted.file_name} is known, so nothing could tell it from another file:"
            " give --sha256 HEX, from a copy that you trust"
        )
    return hashes


def _say(line: str) -> None:
    print(line, file=sys.stderr)
