"""The networks that are taken from keras.applications as they are, without top and without preprocessing."""

from collections.abc import Callable

import keras

MOBILENET_V3_STAGES = (
    "expanded_conv_add",
    "expanded_conv_2_add",
    "expanded_conv_5_add",
    "expanded_conv_9_add",
    "expanded_conv_11_add",
)
EFFICIENTNET_V2_STAGES = ("block1a_project_activation", "block2b_add", "block3b_add", "block4c_add", "block5e_add")
DENSENET_STAGES = ("pool1", "pool2_pool", "pool3_pool", "pool4_pool")
RESNET50_STAGES = ("pool1_pool", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out")
CONVNEXT_STAGES = (
    "convnext_tiny_stem",
    "convnext_tiny_downsampling_block_0",
    "convnext_tiny_downsampling_block_1",
    "convnext_tiny_downsampling_block_2",
)


def build_mobilenet_v3(size_px: int) -> keras.Model:
    """MobileNetV3 large (Howard et al., ICCV 2019)."""
    return _build(keras.applications.MobileNetV3Large, size_px, include_preprocessing=False)


def build_efficientnet_v2_b0(size_px: int) -> keras.Model:
    """EfficientNetV2 B0 (Tan and Le, ICML 2021)."""
    return _build(keras.applications.EfficientNetV2B0, size_px, include_preprocessing=False)


def build_densenet121(size_px: int) -> keras.Model:
    """DenseNet121 (Huang et al., CVPR 2017)."""
    return _build(keras.applications.DenseNet121, size_px)


def build_resnet50(size_px: int) -> keras.Model:
    """ResNet50 (He et al., CVPR 2016)."""
    return _build(keras.applications.ResNet50, size_px)


def build_convnext_tiny(size_px: int) -> keras.Model:
    """ConvNeXt tiny (Liu et al., CVPR 2022)."""
    return _build(keras.applications.ConvNeXtTiny, size_px, include_preprocessing=False)


def turn_first_kernel(network: keras.Model, name: str) -> None:
    """Makes a network whose weights expect BGR take RGB: the first kernel's input channels change places.

    Args:
        network: is changed.
        name: of its first convolution.
    """
    layer = network.get_layer(name)
    kernel, *others = layer.get_weights()
    layer.set_weights([kernel[:, :, ::-1, :], *others])


def _build(application: Callable[..., keras.Model], size_px: int, **options: bool) -> keras.Model:
    return application(include_top=False, weights=None, input_shape=(size_px, size_px, 3), **options)
