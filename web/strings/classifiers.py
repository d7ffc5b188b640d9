"""Classifiers, and how each came to judge."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "classifiers.fake_from": "Fake from",
    "classifiers.real_below": "Real below",
    "classifiers.none": "No classifier yet",
    "classifiers.none_words": "The packaged one is registered with the first scan.",
    "classifiers.history": "What was activated when",
    "classifiers.rollback": "Go back to the one before",
    "classifiers.rollback_ask": "Go back to the classifier that judged before this one?",
    "classifiers.card": "Card",
    "classifiers.no_card": "Its card is not where it was registered.",
    "classifiers.activate": "Activate",
    "classifiers.activate_ask": "Let {name} judge new submissions, if the gate finds it no worse?",
    "classifiers.gate_words": "Both are judged on the frozen evaluation set, which may take minutes. Whoever is worse than the margins allow is refused. Forcing is for the command line.",
    "classifiers.thresholds": "Thresholds",
    "classifiers.metrics": "Metrics",
    "classifiers.no_metrics": "It came without metrics.",
    "classifiers.of": "Score",
    "classifiers.place": "Place",
    "outcome.passed": "passed the gate",
    "outcome.refused": "refused",
    "outcome.forced": "forced",
    "outcome.rolled_back": "rolled back to",
    "outcome.packaged": "came with the package",
}
