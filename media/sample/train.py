"""Handwritten digits with a small network.

Choose "Inspect…" above the optimizer below: a few real steps are taken on digits.onnx with digits.npz, and the panel shows
what the optimizer's finite steps and its memory do to training. Nothing needs to be installed for that; running this script
needs PyTorch and NumPy.
"""

import numpy as np
import torch
from torch import nn


def make_model() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(64, 32),
        nn.Tanh(),
        nn.Linear(32, 10),
    )


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int = 200) -> None:
    # Try betas=(0.9, 0.95), inspect again, and compare the runs. With lr=1e-3, or the default eps=1e-8, the steps are too
    # large for the theory, and the panel says so.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.999), eps=1e-3)
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step:4d}  loss {loss.item():.4f}")


def export(model: nn.Module, x: torch.Tensor) -> None:
    """Writes the model so that the names of its parameters are kept."""
    torch.onnx.export(model, (x[:1],), "digits.onnx", dynamo=True, optimize=False, external_data=False)


if __name__ == "__main__":
    data = np.load("digits.npz")
    samples, labels = torch.from_numpy(data["x"]), torch.from_numpy(data["y"]).long()
    network = make_model()
    train(network, samples, labels)
