"""Names of the backbones and of the ways to treat weights, readable without Keras."""

BACKBONES = (
    "mobilenetv2",
    "mobilenetv3",
    "efficientnetv2b0",
    "densenet121",
    "resnet50",
    "convnexttiny",
    "resnet18",
    "vit",
    "small_cnn",
    "tiny",
)

WEIGHTS_STYLES = ("torchvision", "keras")
"""Whose values a weights file holds, which decides normalisation, padding and colour order."""
