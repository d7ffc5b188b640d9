-- Every change of a tally is a row of its own: workers that end scans of one batch at once need no row in common.

CREATE FUNCTION fakesweep_scan_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    waited CONSTANT boolean := OLD.state IN ('queued', 'running');
    waits CONSTANT boolean := NEW.state IN ('queued', 'running');
BEGIN
    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT batch_id, standing, CASE WHEN waited THEN '' ELSE coalesce(OLD.runtime, '') END, -count(*)
    FROM entries WHERE scan_id = NEW.id GROUP BY batch_id, standing;

    UPDATE entries SET standing = CASE
        WHEN waits THEN 'waiting'
        WHEN NEW.state <> 'judged' THEN NEW.state
        WHEN b.fake_from IS NULL THEN 'judged'
        WHEN b.score >= b.fake_from THEN 'fake'
        WHEN b.score < b.real_below THEN 'real'
        ELSE 'uncertain' END
    FROM (
        SELECT id, real_below, fake_from, CASE aggregate
            WHEN 'mean' THEN NEW.score_mean
            WHEN 'top-k' THEN NEW.score_top_k
            WHEN 'confident' THEN NEW.score_confident
            WHEN 'max-track' THEN NEW.score_max_track END AS score
        FROM batches
    ) b
    WHERE entries.scan_id = NEW.id AND b.id = entries.batch_id;

    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT batch_id, standing, CASE WHEN waits THEN '' ELSE coalesce(NEW.runtime, '') END, count(*)
    FROM entries WHERE scan_id = NEW.id GROUP BY batch_id, standing;

    IF waits <> waited THEN
        INSERT INTO tally_changes (batch_id, standing, runtime, change)
        VALUES (0, 'waiting', '', CASE WHEN waits THEN 1 ELSE -1 END);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER fakesweep_scan_moved
AFTER UPDATE OF state, score_mean, score_top_k, score_confident, score_max_track ON scans FOR EACH ROW
WHEN (
    (OLD.state, OLD.score_mean, OLD.score_top_k, OLD.score_confident, OLD.score_max_track)
        IS DISTINCT FROM (NEW.state, NEW.score_mean, NEW.score_top_k, NEW.score_confident, NEW.score_max_track)
    AND NOT (OLD.state IN ('queued', 'running') AND NEW.state IN ('queued', 'running'))
)
EXECUTE FUNCTION fakesweep_scan_moved();

CREATE FUNCTION fakesweep_scans_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT 0, 'waiting', '', count(*) FROM made WHERE state IN ('queued', 'running') HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER fakesweep_scans_made AFTER INSERT ON scans
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION fakesweep_scans_made();

CREATE FUNCTION fakesweep_scans_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT 0, 'waiting', '', -count(*) FROM gone WHERE state IN ('queued', 'running') HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER fakesweep_scans_gone AFTER DELETE ON scans
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION fakesweep_scans_gone();

CREATE FUNCTION fakesweep_entries_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT e.batch_id, e.standing, CASE WHEN e.standing = 'waiting' THEN '' ELSE coalesce(s.runtime, '') END, count(*)
    FROM made e LEFT JOIN scans s ON s.id = e.scan_id GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE TRIGGER fakesweep_entries_made AFTER INSERT ON entries
REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION fakesweep_entries_made();

CREATE FUNCTION fakesweep_entries_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tally_changes (batch_id, standing, runtime, change)
    SELECT e.batch_id, e.standing, CASE WHEN e.standing = 'waiting' THEN '' ELSE coalesce(s.runtime, '') END, -count(*)
    FROM gone e LEFT JOIN scans s ON s.id = e.scan_id GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE TRIGGER fakesweep_entries_gone AFTER DELETE ON entries
REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION fakesweep_entries_gone();
