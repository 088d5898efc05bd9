"""A compiled Keras 3 model on PyTorch's backend, with a warm-up, clipping by the global norm and dropout."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, sys.argv[1])

import keras
import numpy
import optimizer_bias

from common import measure

keras.utils.set_random_seed(4)
x, y = numpy.random.rand(40, 6).astype("float32"), numpy.random.randint(0, 3, (40,))
layers = [keras.Input((6,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dropout(0.2), keras.layers.Dense(3)]
model = keras.Sequential(layers)
schedule = keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=2e-3, warmup_steps=4)
model.compile(optimizer=keras.optimizers.AdamW(schedule, beta_2=0.99, weight_decay=0.02, global_clipnorm=1.0),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

if __name__ == "__main__":
    optimizer_bias.export_keras(model, (x, y), samples=32, batch_size=8)
    value = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(y[:32], model(x[:32], training=False), from_logits=True))

    class Weights:
        @staticmethod
        def parameters():
            return [weight.value for weight in model.trainable_weights]

    measure(Weights, value)
