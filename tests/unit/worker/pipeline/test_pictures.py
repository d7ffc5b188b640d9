"""One still picture in, one verdict out; hostile ones cost nothing."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from tests.bundles import build_bundle
from worker.pipeline.classifier import Classifier, load_classifier
from worker.pipeline.errors import Reason, UnreadableVideoError
from worker.pipeline.faces import FaceDetector, find_detector
from worker.pipeline.picture_size import picture_size
from worker.pipeline.pictures import classify_picture, read_picture
from worker.pipeline.results import Pixels

SUFFIXES = [".jpg", ".png", ".webp", ".bmp"]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    """The real one."""
    return FaceDetector(find_detector())


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """Takes red for fake."""
    return load_classifier(build_bundle(tmp_path_factory.mktemp("bundles") / "red"), device="cpu")


def _write(path: Path, pixels: Pixels) -> Path:
    cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1]))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_portrait_is_judged(tmp_path: Path, suffix: str, detector: FaceDetector, classifier: Classifier) -> None:
    """In every format: one face, whose score is the picture's."""
    picture = _write(tmp_path / f"portrait{suffix}", data.astronaut())

    result = classify_picture(picture, detector, classifier)

    assert (result.state, result.reason) == ("judged", None)
    assert (result.width_px, result.height_px) == (512, 512)
    (face,) = result.faces
    assert result.score == face.score
    assert 150 < face.box.x < 220
    assert list(result.seconds) == ["decode", "detect", "classify", "total"]


def test_a_picture_of_nobody_has_no_score(tmp_path: Path, detector: FaceDetector, classifier: Classifier) -> None:
    """No face is a state of its own."""
    picture = _write(tmp_path / "plain.png", np.full((200, 300, 3), 90, np.uint8))

    result = classify_picture(picture, detector, classifier)

    assert (result.state, result.score, result.faces) == ("no_face", None, ())


def test_colours_are_read_in_order(tmp_path: Path) -> None:
    """Red in the file is red in memory."""
    picture = _write(tmp_path / "red.png", np.full((4, 6, 3), (255, 0, 0), np.uint8))

    assert (read_picture(picture) == (255, 0, 0)).all()


def test_a_turned_photograph_is_upright(tmp_path: Path) -> None:
    """Cameras store pictures lying, and say so in EXIF (orientation 6: turn clockwise)."""
    plain = _write(tmp_path / "plain.jpg", np.full((20, 40, 3), 90, np.uint8)).read_bytes()
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:])

    assert read_picture(turned).shape == (40, 20, 3)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sizes_are_read_from_headers(tmp_path: Path, suffix: str) -> None:
    """As the decoder would find them."""
    content = _write(tmp_path / f"a{suffix}", np.zeros((37, 53, 3), np.uint8)).read_bytes()
    kind = {".jpg": "JPEG", ".png": "PNG", ".webp": "WebP", ".bmp": "BMP"}[suffix]

    assert picture_size(content, kind) == (53, 37)


def test_lossless_webp_has_its_size_elsewhere(tmp_path: Path) -> None:
    """Its header packs 14 bits each."""
    path = tmp_path / "a.webp"
    cv2.imwrite(str(path), np.zeros((37, 53, 3), np.uint8), [cv2.IMWRITE_WEBP_QUALITY, 101])

    assert picture_size(path.read_bytes(), "WebP") == (53, 37)


def _bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + b"\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"hello, I am a text", Reason.UNSUPPORTED_CODEC),
        (b"GIF89a" + bytes(100), Reason.UNSUPPORTED_CODEC),
        (b"\x89PNG\r\n\x1a\n", Reason.NO_FRAMES),
        (b"\xff\xd8\xff", Reason.NO_FRAMES),
        (b"\xff\xd8\xff\xc0\0\x11\x08\0\x10\0\x10\x03" + bytes(40), Reason.NO_FRAMES),
        (_bomb(), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_picture_is_a_result_with_its_reason(
    tmp_path: Path, content: bytes, reason: Reason, detector: FaceDetector, classifier: Classifier
) -> None:
    """One bad file stops nothing, and a bomb is never decoded."""
    path = tmp_path / "picture"
    path.write_bytes(content)

    result = classify_picture(path, detector, classifier)

    assert (result.state, result.reason) == ("unreadable", reason)
    assert result.detail


def test_a_missing_picture_says_so(tmp_path: Path) -> None:
    """As a missing video does."""
    with pytest.raises(UnreadableVideoError, match="missing"):
        read_picture(tmp_path / "nowhere.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "BMP", "TIFF"])
def test_damaged_headers_have_no_size(kind: str) -> None:
    """Cut off anywhere, nothing is raised."""
    for length in range(40):
        size = picture_size(b"\xff\xd8" + b"\xff" * length, kind)
        assert size is None or len(size) == 2
