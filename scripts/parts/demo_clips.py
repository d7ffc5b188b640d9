"""The demo clips, as a list: what each shows, how large, and how it is encoded."""

from dataclasses import dataclass

from scripts.parts.demo_scenes import Panel, Pose, Shot

REAL = "real"
FAKE = "fake"
NOBODY = "nobody"
GENERATED_COUNT = 5

# Two threads whatever the machine has: the count is part of what an encoder writes.
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-threads", "2")
HEVC_10 = ("-c:v", "libx265", "-preset", "ultrafast", "-crf", "24", "-pix_fmt", "yuv420p10le",
           "-tag:v", "hvc1", "-x265-params", "log-level=error:pools=2:frame-threads=1")  # fmt: skip
AV1 = ("-c:v", "libsvtav1", "-preset", "9", "-crf", "34", "-pix_fmt", "yuv420p", "-svtav1-params", "lp=2")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-crf", "34", "-b:v", "0",
       "-pix_fmt", "yuv420p", "-threads", "2")  # fmt: skip
MPEG4 = ("-c:v", "mpeg4", "-q:v", "4", "-pix_fmt", "yuv420p")
MPEG1 = ("-c:v", "mpeg1video", "-q:v", "4", "-pix_fmt", "yuv420p")
FEW_KEYFRAMES = ("-g", "9999", "-keyint_min", "9999", "-sc_threshold", "0")
# Frames are left out here and there, and the others keep their times.
UNEVEN = ("-vf", r"select='not(between(mod(n\,50)\,8\,19))*gt(mod(n\,7)\,0)'", "-fps_mode", "vfr")
AT_FRONT = ("-movflags", "+faststart")


@dataclass(frozen=True)
class Clip:
    """One demo video.

    Args:
        name: the file's name; its ending chooses the container.
        label: "real", "fake" (somebody in it was generated) or "nobody".
        codec: the codec's name, as ffmpeg says it.
        size: width and height in pixels as encoded.
        shots: what is seen.
        encoding: what ffmpeg is told about the output.
        rate: frames per second.
        turn_deg: rotation that the container asks of the player; the pictures are stored turned back.
    """

    name: str
    label: str
    codec: str
    size: tuple[int, int]
    shots: tuple[Shot, ...]
    encoding: tuple[str, ...]
    rate: int = 25
    turn_deg: int = 0

    def __post_init__(self) -> None:
        if self.label not in (REAL, FAKE, NOBODY):
            raise ValueError(f"label must be {REAL}, {FAKE} or {NOBODY}, got {self.label!r}")

    @property
    def pictures(self) -> set[str]:
        """The names of the pictures that the clip is made of."""
        return {panel.picture for shot in self.shots for panel in shot.panels}


def fill(picture: str, seconds: float = 4.0) -> Shot:
    """A picture with the head in its upper third covers the frame while the camera moves in."""
    return Shot(seconds, (Panel(picture, Pose(0.5, 0.92, 1.85), Pose(0.53, 0.98, 2.1)),))


def near(picture: str, seconds: float = 2.0) -> Shot:
    """A face in the middle of its picture comes nearer, until the picture is higher than the frame."""
    return Shot(seconds, (Panel(picture, Pose(0.48, 0.5, 0.95), Pose(0.52, 0.5, 1.25)),))


def pan(picture: str, seconds: float = 4.0, *, height: float = 0.8) -> Shot:
    """A picture that travels from left to right over the backdrop."""
    return Shot(seconds, (Panel(picture, Pose(0.3, 0.5, height), Pose(0.7, 0.52, height)),))


def pair(left: str, right: str, seconds: float = 4.0) -> Shot:
    """Two people side by side, as in a video call."""
    return Shot(
        seconds,
        (
            Panel(left, Pose(0.26, 0.5, 0.72), Pose(0.26, 0.5, 0.76)),
            Panel(right, Pose(0.74, 0.5, 0.76), Pose(0.74, 0.5, 0.72)),
        ),
    )


WIDE, SMALL = (1280, 720), (640, 360)

CLIPS = (
    Clip("real-h264-720p.mp4", REAL, "h264", WIDE, (fill("portrait", 3), pan("portrait", 3)), H264),
    Clip("real-hevc-10bit.mp4", REAL, "hevc", (960, 540), (pan("portrait"),), HEVC_10),
    Clip("real-av1.mkv", REAL, "av1", SMALL, (fill("portrait"), pan("portrait", 2)), AV1),
    Clip("real-vp9.webm", REAL, "vp9", SMALL, (pan("portrait"), pan("portrait", 2, height=0.95)), VP9),
    Clip("real-uneven-rate.mp4", REAL, "h264", WIDE, (pan("portrait", 6, height=0.95),), (*H264, *UNEVEN)),
    Clip("real-long-gop.mkv", REAL, "h264", SMALL, (fill("portrait", 10), pan("portrait", 10)),
         (*H264, *FEW_KEYFRAMES)),
    Clip("generated-h264-cuts.mp4", FAKE, "h264", WIDE,
         (near("generated-0"), pan("generated-1", 2), near("generated-2")),
         (*H264, *AT_FRONT)),
    Clip("generated-hevc-10bit.mkv", FAKE, "hevc", (960, 540), (pan("generated-3", height=0.9),), HEVC_10),
    Clip("generated-av1.webm", FAKE, "av1", SMALL, (pan("generated-4"), near("generated-0")), AV1),
    Clip("generated-mpeg4.avi", FAKE, "mpeg4", (640, 480), (pan("generated-1", height=0.7),), MPEG4),
    Clip("generated-mpeg1.mpg", FAKE, "mpeg1video", (640, 480), (pan("generated-2", height=0.9),), MPEG1),
    Clip("generated-phone-portrait.mov", FAKE, "h264", (720, 1280), (pan("generated-3", height=0.5),), H264,
         rate=30, turn_deg=90),
    Clip("generated-4k.mp4", FAKE, "h264", (3840, 2160), (pan("generated-4", 2),), H264, rate=24),
    Clip("mixed-video-call.mp4", FAKE, "h264", WIDE, (pair("portrait", "generated-0"),), H264),
    Clip("mixed-insert.webm", FAKE, "vp9", SMALL,
         (pan("portrait", 6), near("generated-1", 3), pan("portrait", 3)), VP9),
    Clip("nobody-h264.mp4", NOBODY, "h264", SMALL, (pan("coffee"),), H264),
)  # fmt: skip
