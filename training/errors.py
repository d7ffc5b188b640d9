"""What can go wrong while a classifier is trained or measured, with messages written for people."""


class TrainingError(Exception):
    """The material or an option does not allow the run; the message says which and what to do."""
