"""Exports small models of JAX, PyTorch, TensorFlow, Paddle and scikit-learn and compares gradient and q = ∇‖∇E‖₁,ε with the framework's own, in float64.

    pip install jax jax2onnx onnx            && python test/exports/frameworks.py jax
    pip install tensorflow tf2onnx onnx      && python test/exports/frameworks.py tensorflow
    pip install torch onnx onnxscript        && python test/exports/frameworks.py torch
    pip install keras torch onnx onnxscript  && python test/exports/frameworks.py keras
    pip install paddlepaddle paddle2onnx packaging && python test/exports/frameworks.py paddle
    pip install scikit-learn skl2onnx torch  && python test/exports/frameworks.py sklearn

Weights are drawn on the spot. Exporters of these frameworks do not keep the names of parameters, so tensors of the file are found by their
values. For scikit-learn, which has no derivatives, PyTorch computes them from the fitted weights.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from framework_tools import product

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPSILON = 1e-6
random = np.random.default_rng(0)


def draw(*shape):
    return (random.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)


def compare(name, path, x, y, parameters, gradient, product, more=()):
    """`parameters`, `gradient` and `product` are dictionaries of arrays."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    tensors = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    constants = {
        n.output[0]: numpy_helper.to_array(a.t)
        for n in model.graph.node
        if n.op_type == "Constant"
        for a in n.attribute
        if a.name == "value"
    }
    names = {}
    for key, value in parameters.items():
        for tensor, held in {**tensors, **constants}.items():
            if held.size != value.size or held.size == 1 or tensor in [name for name, _ in names.values()]:
                continue
            for axes in itertools.permutations(range(value.ndim)):
                if key not in names and np.allclose(held.reshape(-1), value.transpose(axes).reshape(-1), atol=1e-7):
                    names[key] = (tensor, axes)
    lost = [key for key in parameters if key not in names]
    if lost:
        return {"failed": f"not in the file: {', '.join(lost)}"}
    folder = tempfile.mkdtemp()
    given = {model.graph.input[0].name: x, "y": y}
    np.savez(os.path.join(folder, "data.npz"), **given)
    command = ["node", os.path.join(ROOT, "dist", "cli.js"), "inspect", "--model", path, "--data", os.path.join(folder, "data.npz")]
    command += ["--dtype", "float64", "--eps", str(EPSILON), "--eps-placement", "inside", "--steps", "0", "--arrays"]
    command += ["--out", os.path.join(folder, "run"), *more]
    for tensor, _ in names.values():
        command += ["--trainable", tensor]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": (done.stderr or done.stdout).strip()[:400]}
    found = np.load(os.path.join(folder, "run", "arrays.npz"))
    result = {"parameters": int(sum(v.size for v in parameters.values()))}
    for kind, expected in (("gradient", gradient), ("normGradient", product)):
        error = size = 0.0
        for key, (tensor, axes) in names.items():
            theirs = np.asarray(expected[key], np.float64).transpose(axes).reshape(-1)
            ours = found[f"initial/{kind}/{tensor}"].reshape(-1)
            error += float(((ours - theirs) ** 2).sum())
            size += float((theirs**2).sum())
        result[kind] = (error / size) ** 0.5
    return result


def jax_models():
    import jax
    import jax.numpy as jnp
    from jax2onnx import to_onnx

    jax.config.update("jax_enable_x64", True)
    x = random.standard_normal((6, 4)).astype(np.float32)
    y = random.integers(0, 3, 6)

    def attention(p, x):
        h = jnp.reshape(x, (-1, 2, 2)) @ p["in"]
        scores = jax.nn.softmax(h @ p["q"] @ jnp.swapaxes(h, 1, 2) / 2.0, axis=-1)
        return jnp.mean(scores @ h, axis=1) @ p["out"]

    models = {
        "jax mlp, gelu": (lambda p, x: jax.nn.gelu(x @ p["a"] + p["b"]) @ p["c"], {"a": draw(4, 8), "b": draw(8), "c": draw(8, 3)}),
        "jax mlp, relu6": (lambda p, x: jax.nn.relu6(3 * x @ p["a"]) @ p["c"], {"a": draw(4, 8), "c": draw(8, 3)}),
        "jax gate and norm": (
            lambda p, x: (lambda h: (h - h.mean(-1, keepdims=True)) / jnp.sqrt(h.var(-1, keepdims=True) + 1e-5) * p["g"])(
                jax.nn.silu(x @ p["a"]) * (x @ p["b"])
            )
            @ p["c"],
            {"a": draw(4, 8), "b": draw(4, 8), "g": 1 + draw(8), "c": draw(8, 3)},
        ),
        "jax attention": (attention, {"in": draw(2, 4), "q": draw(4, 4), "out": draw(4, 3)}),
    }
    for name, (f, parameters) in models.items():
        path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        import onnx

        proto = to_onnx(lambda x: f({k: jnp.asarray(v) for k, v in parameters.items()}, x), inputs=[("B", 4)], model_name="m")
        onnx.save(proto, path)

        def loss(p):
            return -jnp.mean(jax.nn.log_softmax(f(p, jnp.asarray(x, jnp.float64)))[jnp.arange(6), y])

        wide = {k: jnp.asarray(v, jnp.float64) for k, v in parameters.items()}
        norm = lambda p: sum(jnp.sqrt(g * g + EPSILON).sum() for g in jax.grad(loss)(p).values())
        yield name, compare(name, path, x, y, parameters, jax.grad(loss)(wide), jax.grad(norm)(wide))


def tensorflow_models():
    import tensorflow as tf
    import tf2onnx

    x = random.standard_normal((6, 8, 8, 2)).astype(np.float32)
    labels = random.integers(0, 3, 6)

    def convolutions(p, x):
        h = tf.nn.relu6(tf.nn.conv2d(x, p["a"], 2, "SAME") + p["b"])
        h = tf.nn.depthwise_conv2d(h, p["c"], [1, 1, 1, 1], "SAME")
        return tf.matmul(tf.reduce_mean(tf.nn.leaky_relu(h), [1, 2]), p["d"])

    def attention(p, x):
        h = tf.reshape(x, [-1, 16, 8])
        q, k = tf.einsum("btc,cd->btd", h, p["q"]), tf.einsum("btc,cd->btd", h, p["k"])
        h = tf.einsum("bts,bsc->btc", tf.nn.softmax(tf.einsum("btd,bsd->bts", q, k) / 2.0), h)
        return tf.matmul(tf.reduce_max(tf.math.tanh(h), 1), p["o"])

    def gathered(p, x):
        h = tf.reshape(x, [-1, 128])
        h = tf.concat([tf.gather(h, [0, 5, 5, 9], axis=1), h[:, ::16]], 1)
        h = tf.nn.elu(tf.matmul(h, p["a"]))
        mean, variance = tf.nn.moments(h, [1], keepdims=True)
        return tf.matmul((h - mean) * tf.math.rsqrt(variance + 1e-3), p["o"])

    models = {
        "convolutions": (convolutions, {"a": draw(3, 3, 2, 5), "b": draw(5), "c": draw(3, 3, 5, 1), "d": draw(5, 3)}),
        "attention": (attention, {"q": draw(8, 4), "k": draw(8, 4), "o": draw(8, 3)}),
        "gathered": (gathered, {"a": draw(12, 7), "o": draw(7, 3)}),
    }
    for name, (f, parameters) in models.items():
        named = f"tf2onnx {tf2onnx.__version__}: {name}"
        path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        held = {k: tf.Variable(v) for k, v in parameters.items()}
        signature = [tf.TensorSpec([None, 8, 8, 2], tf.float32, "x")]
        tf2onnx.convert.from_function(tf.function(lambda x: f(held, x)), signature, opset=17, output_path=path)

        def gradient(values):
            variables = {k: tf.Variable(v) for k, v in values.items()}
            with tf.GradientTape() as tape:
                z = f(variables, tf.constant(x, tf.float64))
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))
            return {k: g.numpy() for k, g in tape.gradient(loss, variables).items()}

        wide = {k: v.astype(np.float64) for k, v in parameters.items()}
        yield named, compare(named, path, x, labels, parameters, *product(gradient, wide))


def torch_models():
    """Exported programs with two free axes: the batch and the length of a sequence."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.qkv, self.out, self.norm, self.head = nn.Linear(4, 8), nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3)

        def forward(self, x):
            h = self.embed(x)
            q, k, v = self.qkv(self.norm(h)).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
            h = h + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
            return self.head(h.mean(1))

    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.gate, self.head = nn.Conv1d(4, 6, 3, padding=1), nn.Conv1d(4, 6, 3, padding=1), nn.Linear(6, 3)

        def forward(self, x):
            x = x.transpose(1, 2)
            y = self.conv(x) * torch.sigmoid(self.gate(x))
            return self.head(y.cumsum(-1)[..., -1] / x.shape[-1] + y.amax(-1))

    for name, model in {"causal attention": Causal(), "gated convolution": Gated()}.items():
        named = f"torch {torch.__version__}, exported program: {name}"
        x = random.standard_normal((5, 7, 4)).astype(np.float32)
        labels = random.integers(0, 3, 5)
        model.eval()
        path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        try:
            free = torch.export.Dim.DYNAMIC
            program = torch.export.export(model, (torch.tensor(x),), dynamic_shapes=({0: free, 1: free},), strict=False)
            torch.onnx.export(program, (torch.tensor(x),), path, dynamo=True, external_data=False, input_names=["x"], verbose=False)
        except Exception as error:
            yield named, {"failed": f"PyTorch does not export it: {str(error)[:200]}"}
            continue
        parameters = {k: p.detach().numpy().copy() for k, p in model.named_parameters()}
        model.double()
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            loss = F.cross_entropy(model(torch.tensor(x, dtype=torch.float64)), torch.tensor(labels))
            given = dict(model.named_parameters())
            gradients = torch.autograd.grad(loss, list(given.values()), create_graph=True)
            products = torch.autograd.grad(sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients), list(given.values()))
        listed = lambda values: {k: v.detach().numpy() for k, v in zip(given, values)}
        yield named, compare(named, path, x, labels, parameters, listed(gradients), listed(products))


def keras_models():
    """Keras 3 as it exports itself; its numbers are those of the same model in float64 on PyTorch, whose second derivatives are exact.

    Its exporter on PyTorch folds normalisations and divides the weights of recurrent layers, and does not write attention.
    """
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    import torch
    import torch.nn.functional as F
    from keras import layers

    def convolutions(dtype):
        x = keras.Input((8, 8, 2), dtype=dtype)
        h = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6", dtype=dtype)(x)
        h = layers.DepthwiseConv2D(3, padding="same", activation="silu", dtype=dtype)(h)
        h = layers.Conv2DTranspose(3, 2, strides=2, activation="elu", dtype=dtype)(h)
        return keras.Model(x, layers.Dense(3, dtype=dtype)(layers.GlobalAveragePooling2D(dtype=dtype)(h)))

    def separable(dtype):
        x = keras.Input((12, 3), dtype=dtype)
        h = layers.SeparableConv1D(6, 3, activation="mish", dtype=dtype)(x)
        h = layers.GroupNormalization(3, dtype=dtype)(h)
        h = layers.LeakyReLU(0.25, dtype=dtype)(layers.AveragePooling1D(2, dtype=dtype)(h))
        return keras.Model(x, layers.Dense(3, dtype=dtype)(layers.Flatten(dtype=dtype)(h)))

    for name, (build, shape) in {"convolutions": (convolutions, (8, 8, 2)), "separable": (separable, (12, 3))}.items():
        named = f"keras {keras.__version__}, torch backend: {name}"
        model = build("float32")
        model.set_weights([w + 0.05 * random.standard_normal(w.shape).astype(np.float32) ** 2 for w in model.get_weights()])
        x = random.standard_normal((6, *shape)).astype(np.float32)
        labels = random.integers(0, 3, 6)
        path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        model(x)
        try:
            model.export(path, format="onnx", verbose=False)
        except Exception as error:
            yield named, {"failed": f"Keras does not export it: {str(error)[:200]}"}
            continue
        wide = build("float64")
        wide.set_weights(model.get_weights())
        variables = wide.trainable_variables
        parameters = {f"{i} {v.path}": np.asarray(v.numpy(), np.float32) for i, v in enumerate(variables)}
        tensors = [v.value for v in variables]
        loss = F.cross_entropy(wide(torch.tensor(x, dtype=torch.float64), training=False), torch.tensor(labels))
        gradients = torch.autograd.grad(loss, tensors, create_graph=True)
        products = torch.autograd.grad(sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients), tensors)
        listed = lambda values: {k: v.detach().cpu().numpy() for k, v in zip(parameters, values)}
        yield named, compare(named, path, x, labels, parameters, listed(gradients), listed(products))


def paddle_models():
    import paddle
    import paddle.nn as nn

    x = random.standard_normal((6, 4)).astype(np.float32)
    y = random.integers(0, 3, 6)
    models = {
        "paddle mlp": lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)),
        "paddle mlp, relu": lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
        "paddle mlp, silu": lambda: nn.Sequential(nn.Linear(4, 8), nn.Silu(), nn.Linear(8, 3)),
    }
    for name, build in models.items():
        net = build()
        net.eval()
        folder = tempfile.mkdtemp()
        try:
            paddle.onnx.export(net, os.path.join(folder, "model"), input_spec=[paddle.static.InputSpec([None, 4], "float32", "x")], opset_version=13)
        except Exception as error:
            yield name, {"failed": f"paddle2onnx does not export it: {str(error)[:200]}"}
            continue
        parameters = {k: v.numpy() for k, v in net.named_parameters()}
        net.to(dtype="float64")
        z = net(paddle.to_tensor(x.astype(np.float64)))
        chosen = paddle.to_tensor(np.eye(3)[y])
        # Its mean and cross-entropy have no second derivative.
        loss = (paddle.log(paddle.exp(z).sum(-1)) - (z * chosen).sum(-1)).sum() / 6.0
        named = dict(net.named_parameters())
        gradients = paddle.grad(loss, list(named.values()), create_graph=True)
        norm = sum(paddle.sqrt(g * g + EPSILON).sum() for g in gradients)
        products = paddle.grad(norm, list(named.values()), allow_unused=True)
        listed = lambda values: {k: (np.zeros_like(parameters[k]) if v is None else v.numpy()) for k, v in zip(named, values)}
        yield name, compare(name, os.path.join(folder, "model.onnx"), x, y, parameters, listed(gradients), listed(products))


def sklearn_models():
    import torch
    import torch.nn.functional as F
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x = random.standard_normal((60, 4)).astype(np.float32)
    labels = random.integers(0, 3, 60)
    values = (x @ draw(4, 1))[:, 0]
    models = {
        "sklearn MLPClassifier": (MLPClassifier(hidden_layer_sizes=(8,), max_iter=30), labels, torch.relu),
        "sklearn MLPClassifier, tanh": (MLPClassifier(hidden_layer_sizes=(8, 6), activation="tanh", max_iter=30), labels, torch.tanh),
    }
    for name, (model, y, activation) in models.items():
        model.fit(x, y)
        path = os.path.join(tempfile.mkdtemp(), "model.onnx")
        with open(path, "wb") as file:
            file.write(to_onnx(model, x[:1], options={"zipmap": False} if "Classifier" in name else None).SerializeToString())
        parameters = {f"{kind}{i}": v.astype(np.float32) for kind, all in (("w", model.coefs_), ("b", model.intercepts_)) for i, v in enumerate(all)}
        wide = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in parameters.items()}
        h = torch.tensor(x, dtype=torch.float64)
        layers = len(model.coefs_)
        for i in range(layers):
            h = h @ wide[f"w{i}"] + wide[f"b{i}"]
            if i < layers - 1:
                h = activation(h)
        loss = F.cross_entropy(h, torch.tensor(y)) if "Classifier" in name else F.mse_loss(h[:, 0], torch.tensor(y, dtype=torch.float64))
        gradients = torch.autograd.grad(loss, wide.values(), create_graph=True)
        products = torch.autograd.grad(sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients), wide.values())
        listed = lambda values: {k: v.detach().numpy() for k, v in zip(wide, values)}
        target = y if "Classifier" in name else y.astype(np.float32)
        more = [] if "Classifier" in name else ["--loss", "mse"]
        yield name, compare(name, path, x, target, parameters, listed(gradients), listed(products), more)


def main():
    found = {"tensorflow": tensorflow_models, "torch": torch_models, "jax": jax_models, "keras": keras_models, "paddle": paddle_models, "sklearn": sklearn_models}[sys.argv[1]]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "frameworks.json")
    results = {}
    if os.path.exists(path):
        with open(path) as file:
            results = json.load(file)
    for name, result in found():
        results[name] = result
        print(name, json.dumps(result), flush=True)
    results = dict(sorted(results.items()))
    with open(path, "w") as file:
        json.dump(results, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
