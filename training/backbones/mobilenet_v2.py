"""MobileNetV2 (Sandler et al. 2018) with middle features beside its last ones."""

import keras

STAGES = ("Conv1_relu", "block_2_add", "block_5_add", "block_9_add", "block_12_add")


def build_mobilenet_v2(size_px: int, padding: str) -> tuple[keras.Model, keras.Model]:
    """The stock network, which weights files fit, and the network with both features, which shares its layers."""
    stock = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(size_px, size_px, 3))
    if padding == "torchvision":
        stock = _padded_above_and_left(stock)
    # Middle features tell unseen generators apart better than the last ones do, which are about what is shown.
    middle = stock.get_layer("block_13_expand_relu").output
    pooled = keras.layers.AveragePooling2D(2, padding="same", name="middle_pool")(middle)
    features = keras.layers.Concatenate(name="features")([pooled, stock.outputs[0]])
    return stock, keras.Model(stock.inputs[0], features)


def _padded_above_and_left(stock: keras.Model) -> keras.Model:
    config = stock.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "ZeroPadding2D":
            layer["config"]["padding"] = ((1, 0), (1, 0))
    return keras.Model.from_config(config)
