"""Small models of Keras 3 for `frameworks.py`: name, builder, shape of one sample, number of classes."""


def layers():
    import keras

    return keras, keras.layers


def convolutional():
    keras, L = layers()
    x = i = keras.Input((12, 12, 3))
    x = L.Activation("swish")(L.BatchNormalization()(L.Conv2D(6, 3, 2, padding="same", use_bias=False)(x)))
    x = L.Activation("gelu")(L.DepthwiseConv2D(3, padding="same")(x))
    return keras.Model(i, L.Dense(3)(L.GlobalAveragePooling2D()(L.Conv2D(5, 1)(x))))


def residual():
    keras, L = layers()
    i = keras.Input((8, 8, 3))
    x = L.Conv2D(4, 3, padding="same")(i)
    y = L.Conv2D(4, 3, padding="same", activation="elu")(L.LayerNormalization()(x))
    return keras.Model(i, L.Dense(3)(L.Flatten()(L.MaxPooling2D()(L.Add()([x, y])))))


def squeeze():
    keras, L = layers()
    i = keras.Input((8, 8, 3))
    x = L.SeparableConv2D(6, 3, padding="same", activation="softplus")(i)
    s = L.Dense(6, activation="sigmoid")(L.Dense(4, activation="tanh")(L.GlobalAveragePooling2D()(x)))
    return keras.Model(i, L.Dense(3)(L.GlobalMaxPooling2D()(L.Multiply()([x, L.Reshape((1, 1, 6))(s)]))))


def segmenter():
    keras, L = layers()
    i = keras.Input((8, 8, 3))
    a = L.Conv2D(4, 3, padding="same", activation="selu")(i)
    x = L.Conv2D(6, 3, padding="same", activation="leaky_relu")(L.AveragePooling2D()(a))
    x = L.Concatenate()([L.Conv2DTranspose(4, 2, 2)(x), L.UpSampling2D(interpolation="bilinear")(x), a])
    return keras.Model(i, L.Dense(3)(L.GlobalAveragePooling2D()(L.Conv2D(3, 1, activation="tanh")(x))))


def attention():
    keras, L = layers()
    i = keras.Input((6, 8))
    x = L.LayerNormalization()(i + L.MultiHeadAttention(2, 4)(i, i))
    x = L.LayerNormalization()(x + L.Dense(8)(L.Dense(16, activation="gelu")(x)))
    return keras.Model(i, L.Dense(3)(L.GlobalAveragePooling1D()(x)))


def mixer():
    keras, L = layers()
    i = keras.Input((6, 8))
    x = i + L.Permute((2, 1))(L.Dense(6)(L.Dense(10, activation="gelu")(L.Permute((2, 1))(i))))
    x = L.EinsumDense("abc,cd->abd", output_shape=(None, 8), bias_axes="d")(L.GroupNormalization(2)(x))
    return keras.Model(i, L.Dense(3)(L.Flatten()(x)))


def waves():
    keras, L = layers()
    i = keras.Input((16, 2))
    x = L.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="mish")(i)
    x = L.PReLU(shared_axes=[1])(L.Conv1D(4, 3, activation="hard_silu")(x))
    return keras.Model(i, L.Dense(3)(L.GlobalMaxPooling1D()(x)))


def cross():
    keras, L = layers()
    i = keras.Input((6,))
    x = L.Dense(6)(i) * i + i
    x = L.UnitNormalization()(L.Dense(5, activation="silu")(x))
    return keras.Model(i, L.Dense(3)(L.Dense(4, activation="exponential")(x)))


MODELS = {
    "convolutions, batch norm": (convolutional, (12, 12, 3)),
    "residual, layer norm": (residual, (8, 8, 3)),
    "squeeze and excite": (squeeze, (8, 8, 3)),
    "u-shape, transposed": (segmenter, (8, 8, 3)),
    "attention": (attention, (6, 8)),
    "mixer, group norm": (mixer, (6, 8)),
    "waves, causal": (waves, (16, 2)),
    "cross layer": (cross, (6,)),
}
