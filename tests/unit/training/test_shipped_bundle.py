"""The classifier that is shipped stays small enough to be cloned and to be carried by a wheel."""

from pathlib import Path

import worker.classifiers

SHIPPED = Path(worker.classifiers.__file__).parent / "default"


def test_the_shipped_bundle_is_small() -> None:
    """Each file has less than 15 MB, all together less than 20; a bundle of one's own may be as large as it needs."""
    sizes = {path.name: path.stat().st_size for path in SHIPPED.iterdir()}

    assert max(sizes.values()) < 15_000_000, sizes
    assert sum(sizes.values()) < 20_000_000, sizes
