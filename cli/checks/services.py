"""Checks of the detector, the classifier, the database and the broker."""

from cli.checks.finding import Finding
from worker.settings import Settings, mask_url


def check_detector() -> Finding:
    """The face detector's file, and that it is the one that we know."""
    from worker.pipeline.detector_file import find_detector

    return Finding("face detector", "ok", f"CenterFace at {find_detector()}")


def check_classifier(settings: Settings) -> Finding:
    """The bundle that judges new submissions, verified file by file."""
    from cli.opening import bundle_in_use
    from worker.pipeline.bundle import verify_bundle

    path = bundle_in_use(settings)
    manifest = verify_bundle(path)
    return Finding("classifier", "ok", f"{manifest.name} {manifest.version} at {path}")


def check_database(settings: Settings) -> Finding:
    """That the database answers and has this version's tables."""
    from cli.opening import has_no_database_yet, opened_database
    from db.schema import HEAD_REVISION

    if has_no_database_yet(settings):
        return Finding("database", "ok", f"{settings.effective_database_url}, made by the first scan")
    with opened_database(settings) as database:
        return Finding("database", "ok", f"{database.shown_url}, revision {HEAD_REVISION}")


def check_broker(settings: Settings) -> Finding:
    """That the configured broker answers, or that the embedded one could be started."""
    from worker import broker

    if settings.broker_url is None:
        return Finding("broker", "ok", f"embedded, {broker.find_server()}")
    broker.check_broker(settings.broker_url)
    return Finding("broker", "ok", f"{mask_url(settings.broker_url)} answers")


def check_workers(settings: Settings) -> Finding:
    """The workers that said of late that they are alive."""
    from cli.opening import has_no_database_yet, opened_database
    from db.workers import live_workers

    if has_no_database_yet(settings):
        return Finding("workers", "ok", "none yet; `fakesweep scan` starts its own")
    with opened_database(settings) as database, database.read() as session:
        names = [worker.name for worker in live_workers(session)]
    return Finding("workers", "ok", ", ".join(names) or "none; `fakesweep scan` starts its own")
