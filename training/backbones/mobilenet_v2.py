"""MobileNetV2 (Sandler et al., CVPR 2018), as far as its middle, read as texture."""

import keras

STAGES = ("Conv1_relu", "block_2_add", "block_5_add", "block_9_add", "block_12_add")
LEVELS = ("block_3_expand_relu", "block_6_expand_relu", "block_10_expand_relu", "block_13_expand_relu")


def build_stock(size_px: int, padding: str) -> keras.Model:
    """The network that weights files fit, padded as "torchvision" (above and left) or "keras" (below and right)."""
    stock = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size_px, size_px, 3))
    if padding == "keras":
        return stock
    config = stock.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "ZeroPadding2D":
            layer["config"]["padding"] = ((1, 0), (1, 0))
    return keras.Model.from_config(config)


def with_texture_features(stock: keras.Model) -> keras.Model:
    """Four levels of the middle, and their squares, on the grid of the last one: (n, side / 16, side / 16, 2592).

    The mean of a feature says how much of a pattern there is, that of its square how unevenly: texture (Gatys et al.,
    2015, describe it by such moments). They tell unseen generators apart better than the last features, which are
    about what is shown; the layers above them are left out.
    """
    levels = [stock.get_layer(name).output for name in LEVELS]
    side = levels[-1].shape[1]
    grids = []
    for level in levels:
        factor = level.shape[1] // side
        values = [level, keras.layers.Multiply()([level, level])]
        grids += [keras.layers.AveragePooling2D(factor)(value) for value in values] if factor > 1 else values
    return keras.Model(stock.inputs[0], keras.layers.Concatenate(name="features")(grids))
