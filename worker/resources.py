"""Detector and classifiers, loaded once per process, on first use; a classifier is known by its bundle's hash.

A scan names the classifier that shall judge it, so one that was activated meanwhile is loaded when its first
scan arrives, with no restart.
"""

import hashlib
import os
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from db.leases import Claim
from worker.pipeline.errors import BundleError
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.pipeline.classifier import Classifier
    from worker.pipeline.faces import FaceDetector

# The one that judges, and the one before or after it while an archive moves over.
CLASSIFIERS_KEPT = 2
MANIFEST = "manifest.json"


class Resources:
    """What one process has loaded.

    Args:
        threads: of each network. Processes are what fills the cores.
        host: the socket of the network host that judges on the GPU for this process, where there is one.
    """

    def __init__(self, settings: Settings, *, threads: int = 1, host: Path | None = None) -> None:
        self._host = host
        self._settings = settings
        self._threads = threads
        self._classifiers: OrderedDict[str, Classifier] = OrderedDict()

    @cached_property
    def ffmpeg(self) -> Path:
        """The program that decodes."""
        from worker.pipeline.ffmpeg import find_ffmpeg  # noqa: PLC0415 - only processes that judge load the pipeline

        return find_ffmpeg(self._settings.ffmpeg)

    @cached_property
    def detector(self) -> "FaceDetector":
        """The face detector.

        Raises:
            BundleError: its file is missing or altered.
        """
        return load_detector(self._settings, threads=self._threads, host=self._host)

    def classifier_of(self, claim: Claim) -> "Classifier":
        """The classifier that the scan names, wherever its bundle lies on this machine.

        Raises:
            BundleError: no bundle with its hash is here, or its files are altered.
        """
        return self._classifier(claim.classifier_sha256, Path(claim.classifier_path))

    def warm_up(self, sha256: str, registered: Path) -> None:
        """Loads the detector and this classifier and runs each once, for what only the first run prepares.

        Raises:
            BundleError: a file is missing or altered.
        """
        # Here, as they load OpenCV and NumPy.
        import numpy as np  # noqa: PLC0415

        self.detector.detect(np.zeros((360, 640, 3), np.uint8))
        classifier = self._classifier(sha256, registered)
        size_px = classifier.manifest.input_size_px
        classifier.judge(np.zeros((classifier.batch_size, size_px, size_px, 3), np.uint8))

    def _classifier(self, sha256: str, registered: Path) -> "Classifier":
        from worker.pipeline.classifier import load_classifier  # noqa: PLC0415 - as above

        if sha256 not in self._classifiers:
            directory = find_bundle(sha256, registered, self._settings)
            while len(self._classifiers) >= CLASSIFIERS_KEPT:
                self._classifiers.popitem(last=False)
            self._classifiers[sha256] = load_classifier(
                directory,
                device=self._settings.device,
                threads=self._threads,
                precision=self._settings.precision,
                host=self._host,
            )
        self._classifiers.move_to_end(sha256)
        return self._classifiers[sha256]


def load_detector(settings: Settings, *, threads: int = 1, host: Path | None = None) -> "FaceDetector":
    """The face detector as the settings want it, and OpenCV, which cuts what it finds, with as many threads.

    Args:
        threads: of its network on the processor.
        host: the socket of the network host that owns the GPU, where there is one.

    Raises:
        BundleError: its file is missing or altered.
    """
    import cv2  # noqa: PLC0415 - as above

    from worker.pipeline.detector_loading import load_detector_network  # noqa: PLC0415 - as above
    from worker.pipeline.faces import FaceDetector, find_detector  # noqa: PLC0415 - as above

    # Its own threads wait for the next picture by turning in circles, on cores that networks and decoders want.
    cv2.setNumThreads(threads)
    network = load_detector_network(
        find_detector(), device=settings.device, threads=threads, precision=settings.precision, host=host
    )
    return FaceDetector(network)


def find_bundle(sha256: str, registered: Path, settings: Settings) -> Path:
    """The directory of the bundle with this hash: where it was registered, or where this machine keeps it.

    Raises:
        BundleError: it is in none of these places.
    """
    places = [registered, imported_place(settings.home, sha256), packaged_bundle()]
    if settings.classifier is not None:
        places.append(Path(settings.classifier))
    for place in places:
        if sha256_of_bundle(place) == sha256:
            return place
    raise BundleError(
        f"no classifier with the hash {sha256[:12]} at {registered} or in {settings.home / 'classifiers'}: "
        "import it on this machine with `fakesweep classifiers import`, or make its directory readable"
    )


def imported_place(home: Path, sha256: str) -> Path:
    """Where `classifiers import` puts the bundle with this hash."""
    return home / "classifiers" / sha256[:16]


def packaged_bundle() -> Path:
    """The classifier that comes with the code."""
    return Path(__file__).parent / "classifiers" / "default"


def sha256_of_bundle(directory: Path) -> str | None:
    """By which its classifier is known; None where there is none."""
    try:
        return hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()
    except OSError:
        return None


_resources: dict[int, Resources] = {}


def resources_of_process(settings: Settings, *, host: Path | None = None) -> Resources:
    """The resources of the process that asks; a fork has none of its parent's.

    Args:
        host: the socket of the worker's network host, where it has one.
    """
    pid = os.getpid()
    if pid not in _resources:
        _resources.clear()
        _resources[pid] = Resources(settings, host=host)
    return _resources[pid]


def forget_resources() -> None:
    """Has this process load everything anew: an engine that ran out of memory is not to be trusted after that."""
    _resources.clear()
