-- There is one writer at a time, who changes the tallies themselves.

CREATE TRIGGER fakesweep_scan_moved
AFTER UPDATE OF state, score_mean, score_top_k, score_confident, score_max_track ON scans
WHEN (
    OLD.state IS NOT NEW.state OR OLD.score_mean IS NOT NEW.score_mean OR OLD.score_top_k IS NOT NEW.score_top_k
    OR OLD.score_confident IS NOT NEW.score_confident OR OLD.score_max_track IS NOT NEW.score_max_track
) AND NOT (OLD.state IN ('queued', 'running') AND NEW.state IN ('queued', 'running'))
BEGIN
    INSERT INTO tallies (batch_id, standing, runtime, total)
    SELECT
        batch_id,
        standing,
        CASE WHEN OLD.state IN ('queued', 'running') THEN '' ELSE coalesce(OLD.runtime, '') END,
        -count(*)
    FROM entries WHERE scan_id = NEW.id GROUP BY batch_id, standing
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total + excluded.total;

    UPDATE entries SET standing = (
        SELECT CASE
            WHEN NEW.state IN ('queued', 'running') THEN 'waiting'
            WHEN NEW.state <> 'judged' THEN NEW.state
            WHEN b.fake_from IS NULL THEN 'judged'
            WHEN b.score >= b.fake_from THEN 'fake'
            WHEN b.score < b.real_below THEN 'real'
            ELSE 'uncertain' END
        FROM (
            SELECT real_below, fake_from, CASE aggregate
                WHEN 'mean' THEN NEW.score_mean
                WHEN 'top-k' THEN NEW.score_top_k
                WHEN 'confident' THEN NEW.score_confident
                WHEN 'max-track' THEN NEW.score_max_track END AS score
            FROM batches WHERE batches.id = entries.batch_id
        ) b
    ) WHERE scan_id = NEW.id;

    INSERT INTO tallies (batch_id, standing, runtime, total)
    SELECT
        batch_id,
        standing,
        CASE WHEN NEW.state IN ('queued', 'running') THEN '' ELSE coalesce(NEW.runtime, '') END,
        count(*)
    FROM entries WHERE scan_id = NEW.id GROUP BY batch_id, standing
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total + excluded.total;

    INSERT INTO tallies (batch_id, standing, runtime, total)
    SELECT 0, 'waiting', '', (NEW.state IN ('queued', 'running')) - (OLD.state IN ('queued', 'running')) WHERE true
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total + excluded.total;
END;

CREATE TRIGGER fakesweep_scans_made AFTER INSERT ON scans WHEN NEW.state IN ('queued', 'running')
BEGIN
    INSERT INTO tallies (batch_id, standing, runtime, total) VALUES (0, 'waiting', '', 1)
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total + 1;
END;

CREATE TRIGGER fakesweep_scans_gone AFTER DELETE ON scans WHEN OLD.state IN ('queued', 'running')
BEGIN
    INSERT INTO tallies (batch_id, standing, runtime, total) VALUES (0, 'waiting', '', -1)
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total - 1;
END;

CREATE TRIGGER fakesweep_entries_made AFTER INSERT ON entries
BEGIN
    INSERT INTO tallies (batch_id, standing, runtime, total)
    SELECT
        NEW.batch_id,
        NEW.standing,
        CASE
            WHEN NEW.standing = 'waiting' THEN ''
            ELSE coalesce((SELECT runtime FROM scans WHERE scans.id = NEW.scan_id), '') END,
        1
    WHERE true
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total + 1;
END;

CREATE TRIGGER fakesweep_entries_gone AFTER DELETE ON entries
BEGIN
    INSERT INTO tallies (batch_id, standing, runtime, total)
    SELECT
        OLD.batch_id,
        OLD.standing,
        CASE
            WHEN OLD.standing = 'waiting' THEN ''
            ELSE coalesce((SELECT runtime FROM scans WHERE scans.id = OLD.scan_id), '') END,
        -1
    WHERE true
    ON CONFLICT (batch_id, standing, runtime) DO UPDATE SET total = total - 1;
END;
