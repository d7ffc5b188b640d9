"""Keeps a new manifest from hiding files that were there before it."""

from collections.abc import Set
from pathlib import Path

from training.collect.manifest import MANIFEST
from training.collect.stores import Store
from training.dataset import kind_of
from training.errors import TrainingError


def refuse_to_hide(store: Store, ours: Set[str]) -> None:
    """Checks a store without a manifest: once there is one, it is all that training reads.

    Args:
        ours: paths that the manifest is going to list.

    Raises:
        TrainingError: other labelled files are there.
    """
    for path, _ in store.sizes():
        is_labelled = not {"real", "fake"}.isdisjoint(path.lower().split("/")[:-1])
        if is_labelled and kind_of(Path(path)) is not None and path not in ours:
            raise TrainingError(
                f"{store.name} holds {path!r} and no {MANIFEST}, and the one that collecting writes would hide it from"
                " training: choose another target (training takes several --data)"
            )
