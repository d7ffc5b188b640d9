"""Names of the backbones, readable without Keras."""

BACKBONES = ("mobilenetv2", "tiny")
