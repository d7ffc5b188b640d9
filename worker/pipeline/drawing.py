"""Draws what was found into pictures: boxes around faces, with a word above each."""

from collections.abc import Sequence

from worker.pipeline.box_drawing import Colour, draw_box
from worker.pipeline.contact_sheet import write_line
from worker.pipeline.results import Box, Pixels


def draw_labelled(picture: Pixels, boxes: Sequence[tuple[Box, str, Colour]]) -> None:
    """Draws boxes with a line of text above each, on a ground of the box's colour."""
    for box, text, colour in boxes:
        draw_box(picture, box, colour=colour)
        left, top = max(0, round(box.x)), max(0, round(box.y) - 26)
        picture[top : top + 24, left : left + 11 * len(text) + 10] = colour
        write_line(picture, text, (left + 5, top + 17), size=0.55, ink=(0, 0, 0))
