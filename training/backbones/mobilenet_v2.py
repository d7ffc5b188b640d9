"""MobileNetV2 (Sandler et al., CVPR 2018) with middle features beside its last ones."""

import keras

STAGES = ("Conv1_relu", "block_2_add", "block_5_add", "block_9_add", "block_12_add")


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


def with_middle_features(stock: keras.Model) -> keras.Model:
    """The same layers, with features of the middle beside the last ones, repeated to fit: (n, 2h, 2w, 576 + 1280)."""
    # They tell unseen generators apart better than the last ones do, which are about what is shown.
    middle = stock.get_layer("block_13_expand_relu").output
    # The mean over positions is the same as with the middle halved, and heat maps are twice as fine.
    last = keras.layers.UpSampling2D(2, name="last_repeated")(stock.outputs[0])
    features = keras.layers.Concatenate(name="features")([middle, last])
    return keras.Model(stock.inputs[0], features)
