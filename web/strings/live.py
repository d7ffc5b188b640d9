"""The browser's camera, and the cameras and streams of the server."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "live.start": "Start the camera",
    "live.stop": "Stop",
    "live.picture": "Camera",
    "live.off": "The camera is off",
    "live.words": "What this browser's camera sees is sent to this server, judged picture by picture, and not kept. Browsers give the camera to pages of this machine and to HTTPS alone.",
    "live.now": "Now",
    "live.nothing": "Nothing was judged yet.",
    "live.scores": "Scores of the last pictures",
    "live.caveat": "Each picture is judged for itself. A video that is held before a camera is compressed once more: expect worse figures than on the file itself.",
    "live.needs_script": "The camera needs JavaScript.",
    "live.sources": "Cameras and streams",
    "live.own_camera": "My camera",
    "live.source_alt": "What {name} shows, with boxes and scores",
    "live.source_words": "The server reads it while somebody watches, judges picture by picture, and keeps nothing.",
    "live.of_late": "Of late",
    "live.missed": "Passed over",
    "live.viewers": "Watching",
    "live.none": "No live source",
    "live.none_words": "The server was started with no camera or stream to watch: `fakesweep serve --live SOURCE`.",
}
