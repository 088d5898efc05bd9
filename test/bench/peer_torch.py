"""PyTorch's side of the comparison: the same protocol as participant.ts. Gradient and Hessian-vector product by double backward."""
import json
import re
import resource
import sys
import time

import torch
from torch import nn

network, count, micro, *sizes = sys.argv[1:]
batch, lot = map(int, re.findall(r'\d+', micro)) if micro.startswith('batch') else (0, 1)
torch.manual_seed(0)
# Steps of a small network are fastest on one thread.
small = batch > 0 and network == 'mlp'
torch.set_num_threads(1 if small else int(__import__('os').environ.get('BENCH_THREADS', '2')))
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
else:
    model, x = Bottleneck(), torch.rand(n, 3, 32, 32) * 2 - 1
y = torch.randint(0, 10, (n,))
parameters = list(model.parameters())
# The fused update is the fastest on small networks.
optimizer = torch.optim.Adam(parameters, fused=batch > 0)
eps = 1e-8


def step(corrected):
    loss = nn.functional.cross_entropy(model(x), y)
    gradients = torch.autograd.grad(loss, parameters, create_graph=corrected)
    if corrected:
        u = [(g / (g.abs() + eps)).detach() for g in gradients]
        products = torch.autograd.grad(gradients, parameters, u)
        sum(q.square().sum() for q in products).item()
    for p, g in zip(parameters, gradients):
        p.grad = g.detach()
    optimizer.step()
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


mode = ''
if batch == 0:
    step(False)
    step(True)
else:
    mode = fastest()
answer({'ready': True, 'version': f'PyTorch {torch.__version__}{mode}'})
for line in sys.stdin:
    kind = line.strip()
    if kind == 'memory':
        answer({'megabytes': round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)})
    else:
        start, work = time.perf_counter(), time.process_time()
        loss = minibatches() if kind == 'minibatch' else step(kind == 'corrected')
        each = 1000 / lot
        answer({'milliseconds': each * (time.perf_counter() - start), 'cpu': each * (time.process_time() - work), 'loss': loss})
