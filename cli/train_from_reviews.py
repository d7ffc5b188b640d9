"""What training takes from this installation: reviewed videos, and the frozen set to leave alone; and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.classifier_names import classifier_words
from cli.opening import has_no_database_yet, opened_database, register_bundle
from worker.safe_text import safe_text

if TYPE_CHECKING:
    from cli.gating import Wish
    from training.dataset import Item
    from training.frozen_set import FrozenSet


def reviewed_items() -> tuple[Item, ...]:
    """The reviewed videos that can be learnt from; the others are listed.

    Raises:
        TrainingError: there are none.
        DatabaseError: the database does not answer.
    """
    from cli.rendering.names import display_name
    from db.reviewed import read_reviewed
    from training.reviews import reviewed_material
    from worker.safe_text import safe_text

    with opened_database() as database, database.read() as session:
        videos = read_reviewed(session)
    material = reviewed_material(videos)
    for skip in material.skipped:
        click.echo(f"skipped {display_name(str(skip.path))}: {safe_text(skip.why)}")
    counts = ", ".join(f"{count} {agreement}" for agreement, count in material.agreement.items())
    click.echo(f"{len(material.items)} reviewed videos, of the machine's verdicts: {counts}")
    labels = {item.label for item in material.items}
    if len(labels) == 1:
        click.echo(
            f"Note: all of them are {labels.pop()}. Review some of the other class too, or the network may learn what"
            " your videos look like in place of what is wrong with them."
        )
    return material.items


def frozen_set(*, must_know: bool) -> FrozenSet | None:
    """The frozen evaluation set of this installation, None where there is none.

    Args:
        must_know: whether it is an error, and not only told, that it cannot be read.

    Raises:
        TrainingError: it is registered, and not here or altered.
        DatabaseError: the database does not answer.
    """
    from cli.frozen import find_frozen_set
    from db.errors import DatabaseError
    from db.evaluation_sets import current_set
    from training.errors import TrainingError
    from worker.settings import read_settings

    settings = read_settings()
    if has_no_database_yet(settings):
        return None
    try:
        with opened_database(settings) as database, database.read() as session:
            known = current_set(session)
        return None if known is None else find_frozen_set(known, settings)
    except (DatabaseError, TrainingError) as error:
        if must_know:
            raise
        click.echo(safe_text(f"Note: what the frozen evaluation set holds is not left out: {error}"))
        return None


def activate_trained(output: Path, wish: Wish) -> None:
    """Imports the bundle that was trained, and takes it through the gate.

    Raises:
        click.ClickException: it is refused; the bundle stays where it is.
    """
    from cli.bundle_copy import copy_bundle
    from cli.classifiers_activate import say_activated
    from cli.gating import activate_through_gate
    from worker.settings import read_settings

    settings = read_settings()
    place = copy_bundle(output, home=settings.home)
    with opened_database(settings) as database:
        with database.begin() as session:
            registered = register_bundle(session, place)
        click.echo(f"Registered {classifier_words(registered)}.", err=True)
        is_new = activate_through_gate(database, settings, registered, wish)
    say_activated(registered, settings, is_new=is_new)
