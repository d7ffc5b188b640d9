"""How Flower finds the events of fakesweep's workers: run `celery flower` in this directory."""

import os

broker_url = os.environ["FAKESWEEP_BROKER_URL"]
# Everything of ours in the broker begins so.
broker_transport_options = {"global_keyprefix": "fakesweep:"}
# Whoever can write to the broker shall not make Flower load what they like.
accept_content = ["json"]
