"""`fakesweep db`: looks after the database."""

import click


@click.group(name="db")
def command() -> None:
    """Look after the database.

    The embedded SQLite database looks after itself. A PostgreSQL server, named by FAKESWEEP_DATABASE_URL,
    gets its tables from this command. What is older than the FAKESWEEP_KEEP_... settings say, `fakesweep scheduler`
    takes away by itself, and `prune` at once.
    """


@command.command()
def upgrade() -> None:
    """Bring the tables to this version's shape.

    Safe to run at any time and from several places at once: one of them does the work, the others wait.

    \b
    Example:
      export FAKESWEEP_DATABASE_URL=postgresql+psycopg://sweep:secret@db.example.org/fakesweep
      fakesweep db upgrade
    """
    from db.schema import HEAD_REVISION, upgrade_database
    from db.session import open_database
    from worker.settings import read_settings

    database = open_database(read_settings().effective_database_url)
    try:
        was_done = upgrade_database(database)
        words = "is now at" if was_done else "was already at"
        click.echo(f"The database {database.shown_url} {words} revision {HEAD_REVISION}.", err=True)
    finally:
        database.dispose()


@command.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(*, dry_run: bool) -> None:
    """Take away what the FAKESWEEP_KEEP_... settings call too old.

    Frames and faces of judged videos, pictures kept for reports, and batches with their entries; and evidence files
    that belong to no verdict. Verdicts, scores, labels and counts stay, so that nothing is judged again.

    \b
    Examples:
      FAKESWEEP_KEEP_FRAMES_DAYS=90 fakesweep db prune --dry-run
      fakesweep db prune
    """
    from cli.housekeeping import describe_pruned, kept_for
    from cli.opening import opened_database
    from scheduler import retention
    from worker.settings import read_settings

    settings = read_settings()
    keep = kept_for(settings)
    with opened_database(settings) as database:
        act = retention.plan_pruning if dry_run else retention.prune
        done = act(database, keep, settings.evidence_directory)
    click.echo(f"{'Would take' if dry_run else 'Took'} away: {describe_pruned(done)}.", err=True)
    if not any(vars(keep).values()):
        click.echo("All is kept for ever: set FAKESWEEP_KEEP_FRAMES_DAYS or its like to change that.", err=True)


@command.command()
def vacuum() -> None:
    """Write the embedded database anew, without what was deleted.

    Needed once for a database that an earlier version made; later ones give space back by themselves. Nobody else can
    write meanwhile, and as much space as the database takes must be free.

    \b
    Example:
      fakesweep db vacuum
    """
    from cli.opening import opened_database
    from db.retention import vacuum_database

    with opened_database() as database:
        try:
            before, after = vacuum_database(database)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after.", err=True)
