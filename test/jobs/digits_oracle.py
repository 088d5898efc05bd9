"""The bundled sample in float64 and runs of PyTorch's own optimizers on it, for the scripts beside this one.

The first argument that is no option names the sample's folder.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
here = Path(__file__).parent
given = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
sample = Path(given[0]) if given else here / "../../media/sample"
names = ["0.weight", "0.bias", "2.weight", "2.bias"]

arrays = np.load(sample / "digits.npz")
x = torch.tensor(arrays["x"]).double()
y = torch.tensor(arrays["y"]).long()
weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(sample / "digits.onnx").graph.initializer}
start = [torch.tensor(weights[name]).double() for name in names]


def gradient(theta):
    theta = [t.detach().requires_grad_() for t in theta]
    w1, b1, w2, b2 = theta
    loss = torch.nn.functional.cross_entropy(torch.tanh(x @ w1.T + b1) @ w2.T + b2, y)
    return loss.item(), torch.autograd.grad(loss, theta)


def norms(gradients):
    each = [g.abs().sum().item() for g in gradients]
    return [sum(each), *each]


def run(make, steps):
    """Loss, norms and θ at steps 0 … N of an optimizer of PyTorch."""
    theta = [t.clone().requires_grad_() for t in start]
    optimizer = make(theta)
    points = []
    for _ in range(steps + 1):
        loss, gradients = gradient(theta)
        points.append((loss, norms(gradients), [t.detach().clone() for t in theta]))
        for t, g in zip(theta, gradients):
            t.grad = g
        optimizer.step()
    return points
