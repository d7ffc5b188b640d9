"""The notebook that walks through training, measuring and scanning, run from its first cell to its last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "docs" / "notebooks"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_cell_of_a_notebook_runs(path: Path) -> None:
    """A cell that fails ends the test with its traceback; plots and pictures are really shown."""
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]  # has no types

    place = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, timeout=400, kernel_name="python3", resources=place).execute()

    shown = [output.data for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum(data.get("text/html", "").count("&lt;figure") for data in shown) == 4
    assert sum("image/png" in data for data in shown) == 1
