"""PyTorch's side of the comparison: the same protocol as participant.ts. Gradient and Hessian-vector product by double backward.

BENCH_DEVICE names the device (cpu), BENCH_MODE how full-batch steps are taken: eager, compiled, or as a CUDA graph (graph).
"""
import json
import os
import re
import resource
import sys
import time

import torch
from torch import nn

network, count, micro, *sizes = sys.argv[1:]
device, way = os.environ.get('BENCH_DEVICE', 'cpu'), os.environ.get('BENCH_MODE', 'eager')
batch, lot = map(int, re.findall(r'\d+', micro)) if micro.startswith('batch') else (0, 1)
torch.manual_seed(0)
# Steps of a small network are fastest on one thread.
small = batch > 0 and network == 'mlp'
torch.set_num_threads(1 if small else int(os.environ.get('BENCH_THREADS', '2')))
n = int(count)


class Bottleneck(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, padding=1)
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(64, 64, 1), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 256, 1)
        self.shortcut, self.fc = nn.Conv2d(64, 256, 1), nn.Linear(256, 10)

    def forward(self, x):
        stem = torch.relu(self.stem(x))
        y = self.conv3(torch.relu(self.conv2(torch.relu(self.conv1(stem)))))
        return self.fc(torch.relu(y + self.shortcut(stem)).mean((2, 3)))


class Block(nn.Module):
    """A bottleneck of ResNet-50, stride in the 3 x 3 convolution."""

    def __init__(self, before, inner, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU(),
            nn.Conv2d(inner, 4 * inner, 1, bias=False), nn.BatchNorm2d(4 * inner))
        same = before == 4 * inner and stride == 1
        self.short = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(before, 4 * inner, 1, stride, bias=False), nn.BatchNorm2d(4 * inner))

    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))


def resnet50():
    parts, before = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()], 64
    for stage, blocks in enumerate([3, 4, 6, 3]):
        for block in range(blocks):
            inner = 64 << stage
            parts.append(Block(before, inner, 2 if stage > 0 and block == 0 else 1))
            before = 4 * inner
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


class Layer(nn.Module):
    """A block of a transformer: attention, then two layers."""

    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, width = x.shape
        h = self.norm1(x)
        q, k, v = (f(h).view(b, t, width // 16, 16).transpose(1, 2) for f in (self.query, self.key, self.value))
        mixed = attention(q, k, v).transpose(1, 2).reshape(b, t, width)
        x = x + self.out(mixed)
        return x + self.narrow(nn.functional.gelu(self.widen(self.norm2(x))))


def attention(q, k, v):
    """Written out: the fused kernels have no second derivative."""
    t = q.shape[2]
    mask = torch.full((t, t), -1e9, device=q.device).triu(1)
    return (q @ k.transpose(2, 3) * 0.25 + mask).softmax(-1) @ v


class Transformer(nn.Module):
    def __init__(self, vocabulary, width, length, layers):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Parameter(torch.rand(length, width) - 0.5)
        self.blocks, self.norm = nn.Sequential(*(Layer(width) for _ in range(layers))), nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tokens(x) + self.places))).transpose(1, 2)


if network == 'mlp':
    layers = [int(size) for size in sizes]
    parts = []
    for i, (a, b) in enumerate(zip(layers, layers[1:])):
        parts += [nn.Linear(a, b)] + ([nn.GELU()] if i < len(layers) - 2 else [])
    model, x = nn.Sequential(*parts), torch.rand(n, layers[0]) * 2 - 1
elif network == 'cnn':
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1), nn.SiLU(), nn.MaxPool2d(2),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 128), nn.SiLU(), nn.Linear(128, 10))
    x = torch.rand(n, 3, 32, 32) * 2 - 1
elif network == 'gpt':
    vocabulary, _, length, _ = (int(size) for size in sizes)
    model, x = Transformer(*(int(size) for size in sizes)), torch.randint(0, vocabulary, (n, length))
else:
    model, x = resnet50() if network == 'resnet50' else Bottleneck(), torch.rand(n, 3, 32, 32) * 2 - 1
y = torch.randint(0, vocabulary, (n, length)) if network == 'gpt' else torch.randint(0, 10, (n,))
model, x, y = model.to(device), x.to(device), y.to(device)
parameters = list(model.parameters())
# The fused update is the fastest on small networks.
optimizer = torch.optim.Adam(parameters, fused=batch > 0, capturable=device == 'cuda')
eps = 1e-8
# Batches that are evaluated, and normalised, one after the other.
ghost = int(micro) if batch == 0 and int(micro) > 0 else n
# What is compiled cannot be differentiated twice: corrected steps are eager then.
compiled_model = torch.compile(model) if way == 'compiled' and batch == 0 else model


def taken(corrected):
    """A step; loss and size of the product, on the device."""
    loss, size = 0, 0
    gradients = [torch.zeros_like(p) for p in parameters]
    products = [torch.zeros_like(p) for p in parameters]
    parts = list(zip(x.split(ghost), y.split(ghost)))
    network_of = model if corrected else compiled_model
    loss_in = lambda inputs, labels: nn.functional.cross_entropy(network_of(inputs), labels) * (len(labels) / n)
    if len(parts) == 1 or not corrected:
        for inputs, labels in parts:
            part = loss_in(inputs, labels)
            found = torch.autograd.grad(part, parameters, create_graph=corrected)
            gradients = list(found) if len(parts) == 1 else [a + b for a, b in zip(gradients, found)]
            loss = loss + part.detach()
        if corrected:
            u = [(g / (g.abs() + eps)).detach() for g in gradients]
            products = torch.autograd.grad(gradients, parameters, u)
    else:
        # The direction of the product needs the whole gradient first.
        for inputs, labels in parts:
            part = loss_in(inputs, labels)
            gradients = [a + b for a, b in zip(gradients, torch.autograd.grad(part, parameters))]
            loss = loss + part.detach()
        u = [g / (g.abs() + eps) for g in gradients]
        for inputs, labels in parts:
            found = torch.autograd.grad(loss_in(inputs, labels), parameters, create_graph=True)
            products = [a + b for a, b in zip(products, torch.autograd.grad(found, parameters, u))]
    if corrected:
        size = sum(q.square().sum() for q in products)
    for p, g in zip(parameters, gradients):
        p.grad = g.detach()
    optimizer.step()
    return loss, size


def captured(corrected):
    """The step as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            taken(corrected)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = taken(corrected)

    def replay():
        graph.replay()
        return results

    return replay


def step(corrected):
    loss, size = ways[corrected]()
    if corrected:
        size.item()
    return loss.item()


def loss_of(rows):
    return nn.functional.cross_entropy(model(x[rows]), y[rows])


forward = loss_of
order, place = [], 0


def minibatches():
    """A lot of steps; rows are gathered by index, which is faster than a DataLoader."""
    global order, place
    losses = []
    for _ in range(lot):
        if place == len(order):
            order, place = torch.randperm(n).split(batch), 0
        rows = order[place]
        place += 1
        loss = forward(rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()[-1]


def answer(value):
    print(json.dumps(value), flush=True)


def time_of(candidate):
    """Milliseconds of a lot of steps, the best of two, once everything is compiled: an epoch has all sizes of batches."""
    global forward
    forward = candidate
    for rows in torch.randperm(n).split(batch):
        forward(rows).backward()
    times = []
    for _ in range(2):
        start = time.perf_counter()
        minibatches()
        times.append(time.perf_counter() - start)
    return min(times)


def fastest():
    """Takes the faster of eager and compiled mode, where a C++ compiler is found for the latter; says which."""
    global forward
    modes = {'eager': loss_of}
    try:
        compiled = torch.compile(loss_of, dynamic=False)
        # Each size is compiled on its own, which takes a minute and is not worth it for the last batch of an epoch.
        modes['compiled'] = lambda rows: (compiled if len(rows) == batch else loss_of)(rows)
        found = {name: time_of(mode) for name, mode in modes.items()}
    except Exception:
        found = {'eager': 0}
    name = min(found, key=found.get)
    forward = modes[name]
    return f' {name}'


mode = '' if way == 'eager' and device == 'cpu' else f' {way} on {device}'
if batch == 0:
    ways = {kind: captured(kind) if way == 'graph' else lambda kind=kind: taken(kind) for kind in (False, True)}
    step(False)
    step(True)
else:
    mode = fastest()
answer({'ready': True, 'version': f'PyTorch {torch.__version__}{mode}'})
for line in sys.stdin:
    kind = line.strip()
    if kind == 'memory':
        answer({'megabytes': round(torch.cuda.max_memory_allocated() / 2**20) if device == 'cuda' else round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)})
    else:
        start, work = time.perf_counter(), time.process_time()
        loss = minibatches() if kind == 'minibatch' else step(kind == 'corrected')
        each = 1000 / lot
        answer({'milliseconds': each * (time.perf_counter() - start), 'cpu': each * (time.process_time() - work), 'loss': loss})
