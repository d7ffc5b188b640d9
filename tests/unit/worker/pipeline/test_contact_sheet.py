"""A contact sheet shows each face, its heat and its score."""

import numpy as np
import pytest

from worker.pipeline.contact_sheet import caption, draw_contact_sheet, write_line
from worker.pipeline.explaining import ExplainedFace, JudgedFace
from worker.pipeline.results import Box, Frame, Pixels

GAP, TITLE, SIDE, CAPTION = 20, 76, 280, 40


def explained(grey: int, *, t_s: float | None = 1.32) -> ExplainedFace:
    """A plain face of one grey, whose heat is in its upper left place."""
    frame = Frame(t_s or 0.0, np.full((200, 300, 3), grey, np.uint8), 1.0)
    heat_map = np.zeros((7, 7), np.float32)
    heat_map[0, 0] = 20.0
    return ExplainedFace(JudgedFace(t_s, Box(100, 50, 80, 80), 2, 0.931), 2.6, 0.931, heat_map, frame, 1.3)


@pytest.mark.parametrize(("count", "size"), [(1, (472, 1160)), (2, (472, 1180)), (3, (472, 1760)), (6, (812, 1760))])
def test_three_faces_a_row(count: int, size: tuple[int, int]) -> None:
    """The sheet is as large as its faces want."""
    assert draw_contact_sheet([explained(100)] * count, title="a").shape == (*size, 3)


def test_each_face_stands_beside_its_heat() -> None:
    """In the order given: the face as it is on the left, the same with its heat on the right."""
    greys = (40, 80, 120, 160)

    sheet = draw_contact_sheet([explained(grey) for grey in greys], title="a").astype(int)

    for place, grey in enumerate(greys):
        left = GAP + place % 3 * (2 * SIDE + GAP)
        top = TITLE + place // 3 * (SIDE + CAPTION + GAP)
        assert (sheet[top : top + SIDE, left : left + SIDE] == grey).all()
        heat = sheet[top : top + SIDE, left + SIDE : left + 2 * SIDE]
        assert heat[15, 15, 0] > heat[15, 15, 2] + 60
        # Its tones are brought nearer to each other, so that heat shows on any of them.
        assert (heat[200:, 200:] == round(48 + grey * 187 / 255)).all()


def test_a_caption_has_moment_score_and_person() -> None:
    """A picture has no moment."""
    assert caption(explained(90), 2) == "2   0:01.32   score 0.931   person 2"
    assert caption(explained(90, t_s=None), 1) == "1   score 0.931   person 2"


def test_a_long_title_fits_the_sheet() -> None:
    """What is too wide is written smaller, and strange characters do no harm."""
    picture: Pixels = np.full((40, 300, 3), 250, np.uint8)

    width = write_line(picture, "a very long name " * 20 + "\n\0é漢😀", (20, 30), size=0.8)

    assert width == 260
    assert (picture[:, 282:] == 250).all()
    assert (picture[:, 20:280] < 100).any()


def test_a_sheet_of_nothing_is_refused() -> None:
    """There is nothing to look at."""
    with pytest.raises(ValueError, match="at least one face"):
        draw_contact_sheet([], title="a")
