"""Writes cnn.onnx, transformer.onnx, their data and sharpness.json: the preconditioned sharpness from dense Hessians, float64.

    python sharpness_oracle.py        needs torch, numpy, onnx, onnxscript; about a minute on one core

After some steps of PyTorch's own Adam, the largest eigenvalue of P^(-1/2) H P^(-1/2) with P the denominator of the step that is
taken there and H from torch.func.hessian.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

torch.set_num_threads(1)
here = Path(__file__).parent
width, length, words = 12, 6, 9


class Transformer(nn.Module):
    """One causal block with two heads."""

    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(words, width), nn.Parameter(0.1 * torch.randn(length, width))
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, words, bias=False)

    def forward(self, tokens):
        x = self.embed(tokens) + self.place
        parts = self.attend(self.first(x)).chunk(3, -1)
        query, key, value = (part.reshape(-1, length, 2, width // 2).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(-1, -2) / (width // 2) ** 0.5
        scores = scores + torch.triu(torch.full((length, length), float("-inf"), dtype=scores.dtype), 1)
        x = x + self.out((scores.softmax(-1) @ value).transpose(1, 2).reshape(-1, length, width))
        return self.head(x + self.narrow(nn.functional.gelu(self.widen(self.second(x)))))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.Softplus(), nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2), nn.Tanh(), nn.Flatten(), nn.Linear(6, 10),
    )


def sharpness(model, x, y, lr, beta1, beta2, eps, steps):
    model = model.double()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(beta1, beta2), eps=eps)

    def loss_of(output):
        return cross_entropy(output.reshape(-1, output.shape[-1]), y.reshape(-1))

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x))
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(steps):
        step()
    names = [name for name, _ in model.named_parameters()]
    shapes = [p.shape for p in model.parameters()]
    theta = torch.cat([p.detach().reshape(-1) for p in model.parameters()])

    def at(vector):
        parts = vector.split([shape.numel() for shape in shapes])
        values = {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes)}
        return loss_of(torch.func.functional_call(model, values, (x,)))

    hessian = torch.func.hessian(at)(theta)
    loss = step()
    second = torch.cat([optimizer.state[p]["exp_avg_sq"].reshape(-1) for p in model.parameters()])
    root = ((second / (1 - beta2 ** (steps + 1))).sqrt() + eps).rsqrt()
    values = torch.linalg.eigvalsh(root[:, None] * hessian * root[None, :])
    return {"parameters": len(theta), "loss": loss, "preconditionedSharpness": values[-1].item()}


def write(name, model, x, y, **settings):
    inputs = torch.tensor(x)
    torch.onnx.export(
        model, (inputs[:2],), here / f"{name}.onnx", dynamo=True, optimize=False, external_data=False,
        dynamic_shapes=({0: "N"},), input_names=["x"],
    )
    np.savez(here / f"{name}.npz", x=x, y=y)
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    return {**settings, **sharpness(model, inputs, torch.tensor(y), **settings)}


torch.manual_seed(3)
generator = np.random.default_rng(4)
images = generator.normal(size=(20, 1, 8, 8)).astype(np.float32)
sentences = np.cumsum(generator.integers(0, 3, (16, length + 1)), 1) % words
adam = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
found = {
    "torch": torch.__version__,
    "cnn": write("cnn", cnn(), images, generator.integers(0, 6, 20), lr=0.01, steps=40, **adam),
    "transformer": write(
        "transformer", Transformer(), sentences[:, :-1].copy(), sentences[:, 1:].copy(), lr=0.003, steps=40, **adam
    ),
}
(here / "sharpness.json").write_text(json.dumps(found, indent=1) + "\n")
print(json.dumps(found, indent=1))
