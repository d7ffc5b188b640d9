"""Only whole pictures with the faces that are wanted get in."""

import hashlib

import cv2
import numpy as np
import pytest

from tests.unit.training.faces import DrawnFaceDetector, draw_face
from training.collect.picture_check import FaceRule, RejectedPictureError, check_picture
from worker.pipeline.results import Box, DetectedFace, Pixels


def encoded(extension: str, *, seed: int = 1, size: int | None = None) -> bytes:
    """A drawn face in some format."""
    picture = draw_face(seed, is_fake=False)
    picture = picture if size is None else np.asarray(cv2.resize(picture, (size, size)), np.uint8)
    return bytes(cv2.imencode(extension, picture)[1])


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp"])
def test_every_kind_is_named_by_its_content(extension: str) -> None:
    """The extension comes from the bytes, so that no name can lie."""
    content = encoded(extension)

    checked = check_picture(content)

    assert checked.extension == extension
    assert (checked.width_px, checked.height_px, checked.faces) == (96, 96, None)
    assert checked.sha256 == hashlib.sha256(content).hexdigest()
    assert len(checked.thumbprint) == 64


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_picture_that_was_cut_off_is_rejected(extension: str, share: float) -> None:
    """Decoders paint the rest grey, and a classifier would learn the grey."""
    content = encoded(extension)

    with pytest.raises(RejectedPictureError):
        check_picture(content[: int(len(content) * share)])


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff" + b"\0" * 50, b"GIF89a" + b"\0" * 50, b"BM"])
def test_what_is_no_picture_is_rejected(content: bytes) -> None:
    """Whatever the server called it."""
    with pytest.raises(RejectedPictureError):
        check_picture(content)


def test_a_small_picture_is_rejected() -> None:
    """The shorter side decides."""
    with pytest.raises(RejectedPictureError, match="32 x 32"):
        check_picture(encoded(".png", size=32), min_side_px=64)


def test_faces_are_counted_by_the_detector() -> None:
    """With the rule, a picture without a face does not get in, and one with it says so."""
    rule = FaceRule(DrawnFaceDetector())
    black = bytes(cv2.imencode(".png", np.zeros((96, 96, 3), np.uint8))[1])

    assert check_picture(encoded(".png"), faces=rule).faces == 1
    with pytest.raises(RejectedPictureError, match="no face of 64 px"):
        check_picture(black, faces=rule)


def test_one_face_means_one() -> None:
    """A group is no portrait."""

    class Two:
        def detect(self, pixels: Pixels, *, min_side_px: int) -> list[DetectedFace]:
            del min_side_px
            across, down = (pixels.shape[1] - 96) / 2, (pixels.shape[0] - 96) / 2
            return [DetectedFace(Box(across + x, down + 20, 30, 30), 0.9) for x in (5, 60)]

    assert check_picture(encoded(".png"), faces=FaceRule(Two())).faces == 2
    with pytest.raises(RejectedPictureError, match="2 faces"):
        check_picture(encoded(".png"), faces=FaceRule(Two(), is_one=True))
