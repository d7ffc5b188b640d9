"""Batches with evidence, as the tests of reports want them."""

from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import update

from db.session import Database
from db.tables.batches import Entry
from tests.seeding import end_scan, judged, scan_ids, seed_batch, seed_classifier
from worker.evidence import save_evidence
from worker.pipeline.kept_faces import encode_jpeg
from worker.pipeline.results import Box, KeptFace

HOSTILE = b"</script><script>document.title='owned'</script>'\"&\n\xff\xe2\x80\xae.mp4"


def seed_judged(database: Database, scores: list[float], *, unread: int = 0, evidence: Path | None = None) -> int:
    """A batch whose videos were judged with these scores, and some that are missing; the batch's id."""
    classifier_id = seed_classifier(database)
    batch_id = seed_batch(database, classifier_id, [f"video-{n:05}" for n in range(len(scores))], unread=unread)
    for scan_id, score in zip(scan_ids(database, batch_id), scores, strict=True):
        token = end_scan(database, scan_id, judged(score))
        if evidence is not None:
            save_evidence(evidence, scan_id, token, [kept_face(score)])
    return batch_id


def rename_first(database: Database, batch_id: int, path: bytes) -> None:
    """Gives the first entry of a batch another path."""
    with database.begin() as session:
        session.execute(update(Entry).where(Entry.batch_id == batch_id, Entry.position == 0).values(path=path))


def kept_face(score: float) -> KeptFace:
    """A face with pictures that a browser shows."""
    heat = cv2.imencode(".png", np.full((28, 28, 4), (0, 80, 220, 150), np.uint8))[1].tobytes()
    return KeptFace(
        t_s=0.5,
        box=Box(400, 120, 180, 230),
        track=0,
        score=score,
        width_px=1280,
        height_px=720,
        heat_map=np.ones((7, 7), np.float32),
        face_jpeg=encode_jpeg(np.full((224, 224, 3), (200, 150, 120), np.uint8)),
        frame_jpeg=encode_jpeg(np.full((225, 400, 3), (40, 90, 140), np.uint8)),
        heat_png=heat,
    )
