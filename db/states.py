"""In which states a scan can be."""

STATES = ("queued", "running", "judged", "no_face", "unreadable", "failed", "quarantined", "cancelled")
"""Every state of a scan, in the order in which they are shown."""

WAITING_STATES = ("queued", "running")
