"""A judged face with what spoke for its score, and how it is drawn."""

from dataclasses import dataclass

from worker.pipeline.box_drawing import draw_box
from worker.pipeline.heat import HEAT_SPAN, HeatMap, overlay_heat, place_heat
from worker.pipeline.preprocessing import crop_face
from worker.pipeline.results import Box, Frame, Pixels


@dataclass(frozen=True)
class JudgedFace:
    """A face as a scan found it.

    Args:
        t_s: presentation time of its frame, None in a picture.
        box: in pixels of the displayed video or picture.
        track: number of the person.
        score: calibrated, 0..1.
    """

    t_s: float | None
    box: Box
    track: int
    score: float

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"a score must be in 0..1, got {self.score}")


@dataclass(frozen=True)
class ExplainedFace:
    """A judged face with its heat map and the frame that it is in.

    Args:
        judged: the face as the scan found it.
        logit: found again now.
        score: calibrated from that logit; what the scan stored, but for rounding.
        heat_map: (height, width), logits.
        frame: with the frame's pixels and their scale.
        crop_margin: that the crop was cut with.
        span: logits of a place that get the fullest colour: one for all faces of the classifier, or, where the heat
            maps are made otherwise, one for all faces that are explained together.
    """

    judged: JudgedFace
    logit: float
    score: float
    heat_map: HeatMap
    frame: Frame
    crop_margin: float
    span: float = HEAT_SPAN

    @property
    def box(self) -> Box:
        """The face in pixels of `frame`."""
        return self.judged.box.scaled(1 / self.frame.scale)

    def draw_crop(self, size_px: int) -> Pixels:
        """The square around the face that the classifier saw, (size_px, size_px, 3)."""
        return crop_face(self.frame.pixels, self.box, size_px=size_px, margin=self.crop_margin)

    def draw_heat(self, size_px: int) -> Pixels:
        """The same square with the heat map over it."""
        return overlay_heat(self.draw_crop(size_px), self.heat_map, span=self.span)

    def draw_frame(self) -> Pixels:
        """The whole frame with a line around the face and the heat map where the crop was cut."""
        picture = place_heat(self.frame.pixels, self.box, self.heat_map, margin=self.crop_margin, span=self.span)
        draw_box(picture, self.box)
        return picture
