"""Fixtures that hand out drawn clips: each is drawn once per session, when first asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drawing import RECIPES, draw_recipe

Drawn = Callable[[str], Path]
"""Takes the name of a recipe of `tests.drawing`, gives its file; never change that file."""


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """A function that gives the clip of a recipe by its name."""
    folder = tmp_path_factory.mktemp("clips")
    recipes = {recipe.name: recipe for recipe in RECIPES}

    def draw_once(name: str) -> Path:
        path = folder / name
        return path if path.exists() else draw_recipe(folder, recipes[name])

    return draw_once
