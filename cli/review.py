"""`fakesweep review`: sets a person's label beside the machine's verdict."""

import click

from cli.account import user_name
from cli.options import video_argument
from cli.rendering.names import display_name


@click.command(name="review")
@video_argument
@click.option("--label", type=click.Choice(("real", "fake")), required=True, help="What the video is.")
@click.option("--note", help="Why, in a sentence.")
@click.option("--reviewer", help="Who says so. [default: your user name]")
def command(video: str, label: str, note: str | None, reviewer: str | None) -> None:
    """Set a person's label beside the machine's verdict.

    VIDEO is a path, a number or the start of a SHA-256. The verdict stays as it is: the label is kept
    beside it, for reports and for training. A later review adds to the earlier ones.

    \b
    Examples:
      fakesweep review downloads/interview.mp4 --label real --note "published by the broadcaster"
      fakesweep review 3fa9c1 --label fake
    """
    from cli.batches import named_video
    from cli.opening import opened_database
    from db.reviews import add_review

    with opened_database() as database, database.begin() as session:
        video_id = named_video(session, video)
        add_review(session, video_id, label=label, note=note, reviewer=reviewer or user_name())
    click.echo(f"{display_name(video)} is labelled {label}.", err=True)
