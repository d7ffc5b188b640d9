"""The feature extractors that a classifier can be built on: see `catalogue.build_backbone`.

Keras 3 layers alone, so that they build under TensorFlow, JAX and torch. Nothing is imported here, because commands
read the names without loading Keras.
"""
