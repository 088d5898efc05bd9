"""JAX's side of the comparison: the same protocol as participant.ts. Compiled with jit; Hessian-vector product forward over reverse."""
import json
import os
import re
import resource
import sys
import time

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
import jax
import jax.numpy as jnp
import numpy as np

network, count, micro, *sizes = sys.argv[1:]
batch, lot = map(int, re.findall(r'\d+', micro)) if micro.startswith('batch') else (0, 1)
n = int(count)
rng = np.random.default_rng(0)


def weight(shape, fan):
    return jnp.asarray(rng.uniform(-1, 1, shape).astype(np.float32) / fan**0.5)


def linear(inputs, outputs):
    return weight((outputs, inputs), inputs), weight((outputs,), inputs)


def convolution(inputs, outputs, kernel=3):
    return weight((outputs, inputs, kernel, kernel), inputs * kernel**2), weight((outputs,), inputs * kernel**2)


def conv(x, p):
    return jax.lax.conv_general_dilated(x, p[0], (1, 1), 'SAME', dimension_numbers=('NCHW', 'OIHW', 'NCHW')) + p[1][:, None, None]


def pool(x):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), 'VALID')


if network == 'mlp':
    layers = [int(size) for size in sizes]
    theta = [linear(a, b) for a, b in zip(layers, layers[1:])]
    x = jnp.asarray(rng.uniform(-1, 1, (n, layers[0])).astype(np.float32))

    def model(theta, x):
        for i, (w, b) in enumerate(theta):
            x = x @ w.T + b
            x = jax.nn.gelu(x, approximate=False) if i < len(theta) - 1 else x
        return x
elif network == 'cnn':
    theta = [convolution(3, 16), convolution(16, 16), convolution(16, 32), convolution(32, 32), linear(512, 128), linear(128, 10)]
    x = jnp.asarray(rng.uniform(-1, 1, (n, 3, 32, 32)).astype(np.float32))

    def model(theta, x):
        a, b, c, d, e, f = theta
        x = pool(jax.nn.silu(conv(jax.nn.silu(conv(x, a)), b)))
        x = pool(pool(jax.nn.silu(conv(jax.nn.silu(conv(x, c)), d))))
        x = jax.nn.silu(x.reshape(x.shape[0], -1) @ e[0].T + e[1])
        return x @ f[0].T + f[1]
elif network == 'gpt':
    vocabulary, width, length, depth = (int(size) for size in sizes)
    one_, zero_ = jnp.ones((width,)), jnp.zeros((width,))
    block = lambda: [(one_, zero_), *(linear(width, width) for _ in range(4)), (one_, zero_), linear(width, 4 * width), linear(4 * width, width)]
    theta = [weight((vocabulary, width), 4), weight((length, width), 4), [block() for _ in range(depth)], (one_, zero_), weight((vocabulary, width), width)]
    x = jnp.asarray(rng.integers(0, vocabulary, (n, length)))
    mask = jnp.triu(jnp.full((length, length), -1e9), 1)

    def norm(x, p):
        centred = x - x.mean(-1, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p[0] + p[1]

    def apply(x, p):
        return x @ p[0].T + p[1]

    def attend(x, blocks):
        norm1, query, key, value, out, norm2, widen, narrow = blocks
        h = norm(x, norm1)
        q, k, v = (apply(h, p).reshape(-1, length, width // 16, 16).transpose(0, 2, 1, 3) for p in (query, key, value))
        mixed = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) * 0.25 + mask, -1) @ v
        x = x + apply(mixed.transpose(0, 2, 1, 3).reshape(-1, length, width), out)
        return x + apply(jax.nn.gelu(apply(norm(x, norm2), widen), approximate=False), narrow)

    def model(theta, x):
        tokens, places, blocks, last, head = theta
        x = tokens[x] + places
        for each in blocks:
            x = attend(x, each)
        return (norm(x, last) @ head.T).reshape(-1, vocabulary)
else:
    theta = [convolution(3, 64), convolution(64, 64, 1), convolution(64, 64), convolution(64, 256, 1), convolution(64, 256, 1), linear(256, 10)]
    x = jnp.asarray(rng.uniform(-1, 1, (n, 3, 32, 32)).astype(np.float32))

    def model(theta, x):
        stem = jax.nn.relu(conv(x, theta[0]))
        y = conv(jax.nn.relu(conv(jax.nn.relu(conv(stem, theta[1])), theta[2])), theta[3])
        y = jax.nn.relu(y + conv(stem, theta[4])).mean((2, 3))
        return y @ theta[5][0].T + theta[5][1]


y = jnp.asarray(rng.integers(0, vocabulary, n * length) if network == 'gpt' else rng.integers(0, 10, n))


def loss_of(theta, x=x, y=y):
    return -jnp.take_along_axis(jax.nn.log_softmax(model(theta, x)), y[:, None], 1).mean()


def update(theta, m, v, g, t):
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    move = lambda p, m, v: p - 1e-3 * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return jax.tree.map(move, theta, m, v), m, v


@jax.jit
def plain(theta, m, v, t):
    loss, g = jax.value_and_grad(loss_of)(theta)
    return loss, 0.0, *update(theta, m, v, g, t)


@jax.jit
def corrected(theta, m, v, t):
    loss, g = jax.value_and_grad(loss_of)(theta)
    u = jax.tree.map(lambda g: g / (jnp.abs(g) + 1e-8), g)
    q = jax.jvp(jax.grad(loss_of), (theta,), (u,))[1]
    return loss, sum((leaf * leaf).sum() for leaf in jax.tree.leaves(q)), *update(theta, m, v, g, t)


def one(carry, rows):
    theta, m, v, t = carry
    loss, g = jax.value_and_grad(loss_of)(theta, x[rows], y[rows])
    return (*update(theta, m, v, g, t + 1), t + 1), loss


compiled = jax.jit(one)
scanned = jax.jit(lambda carry, order: jax.lax.scan(one, carry, order))


def rows_in_turn(carry, order):
    """Steps on the mini-batches of an order [steps, batch], in the fastest way: small ones in one compiled loop, in which
    convolutions would be slow."""
    if network == 'mlp':
        return scanned(carry, order)
    losses = []
    for rows in order:
        carry, loss = compiled(carry, rows)
        losses.append(loss)
    return carry, losses


def minibatches():
    """A lot of steps: epochs, whose last mini-batch may be smaller."""
    global theta, m, v, t
    carry, left = (theta, m, v, jnp.float32(t)), lot
    while left > 0:
        order = rng.permutation(n)
        whole = min(n // batch, left)
        if whole > 0:
            carry, losses = rows_in_turn(carry, order[:whole * batch].reshape(whole, batch))
            left -= whole
        if left > 0 and n % batch > 0:
            carry, losses = rows_in_turn(carry, order[whole * batch:][None])
            left -= 1
    theta, m, v, _ = carry
    t += lot
    jax.block_until_ready(theta)
    return float(losses[-1])


m = jax.tree.map(jnp.zeros_like, theta)
v = jax.tree.map(jnp.zeros_like, theta)
t = 0


def step(kind):
    global theta, m, v, t
    t += 1
    loss, size, theta, m, v = (corrected if kind == 'corrected' else plain)(theta, m, v, float(t))
    jax.block_until_ready((theta, size))
    return float(loss)


def answer(value):
    print(json.dumps(value), flush=True)


if batch == 0:
    step('plain')
    step('corrected')
answer({'ready': True, 'version': f'JAX {jax.__version__}'})
for line in sys.stdin:
    kind = line.strip()
    if kind == 'memory':
        answer({'megabytes': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)})
    else:
        start, work = time.perf_counter(), time.process_time()
        loss = minibatches() if kind == 'minibatch' else step(kind)
        each = 1000 / lot
        answer({'milliseconds': each * (time.perf_counter() - start), 'cpu': each * (time.process_time() - work), 'loss': loss})
