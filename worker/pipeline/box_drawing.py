"""Draws a line around a face, light on dark, so that it shows on any picture."""

from worker.pipeline.results import Box, Pixels

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def draw_box(picture: Pixels, box: Box, *, colour: Colour = WHITE) -> None:
    """Draws a line around a face, in pixels of the same picture."""
    import cv2  # noqa: PLC0415 - importing the pipeline stays cheap

    start, end = (round(box.x), round(box.y)), (round(box.x + box.w), round(box.y + box.h))
    width = max(1, max(picture.shape) // 600)
    cv2.rectangle(picture, start, end, (0, 0, 0), width + 2, cv2.LINE_AA)
    cv2.rectangle(picture, start, end, colour, width, cv2.LINE_AA)
