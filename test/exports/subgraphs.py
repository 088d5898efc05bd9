"""Writes torch-branch and torch-scan: `detach` and `no_grad` in the bodies of an If and of a Scan, as PyTorch's newer exporter has them.

    pip install torch onnx onnxscript && python test/exports/subgraphs.py

The numbers are those of the same computation written without control flow: PyTorch's own second derivatives of `while_loop` differ from
those of the loop written out.
"""

import os
import re

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch._higher_order_ops.scan import scan

EPSILON = 1e-6


class Branch(nn.Module):
    """Which branch is taken hangs on the number of samples; one of them has parameters of its own."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def taken(self, h):
        with torch.no_grad():
            scale = torch.exp(h) * 0.5
        return self.b(h) * torch.sigmoid(self.b(h).detach()) * scale

    def forward(self, x):
        return self.c(torch.cond(x.shape[0] > 2, self.taken, lambda h: h.exp(), (torch.tanh(self.a(x)),)))

    def plain(self, x):
        return self.c(self.taken(torch.tanh(self.a(x))))


class Scan(nn.Module):
    """A state that goes through `detach`, beside inputs that do."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    @staticmethod
    def step(state, x):
        return state * 0.5 + x * state.detach().cos(), state + x.detach()

    def start(self, x):
        h = torch.tanh(self.a(x)).reshape(-1, 3, 2)
        return torch.ones(x.shape[0], 2, dtype=x.dtype) * h[:, 0], h.transpose(0, 1)

    def forward(self, x):
        state, outputs = scan(self.step, *self.start(x))
        return self.b(torch.cat([state, outputs[0], outputs[1]], 1))

    def plain(self, x):
        state, inputs = self.start(x)
        outputs = []
        for one in inputs:
            state, output = self.step(state, one)
            outputs.append(output)
        return self.b(torch.cat([state, *outputs[:2]], 1))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for name, kind in {"torch-branch": Branch, "torch-scan": Scan}.items():
        torch.manual_seed(0)
        model = kind().eval()
        x, y = torch.randn(5, 4), torch.randint(0, 3, (5,))
        os.makedirs(os.path.join(here, name), exist_ok=True)
        path = os.path.join(here, name, "model.onnx")
        free = ({0: torch.export.Dim.DYNAMIC},)
        torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, input_names=["x"], output_names=["z"], dynamic_shapes=free)
        proto = onnx.load(path)
        strip(proto.graph)
        onnx.save(proto, path)
        np.savez(os.path.join(here, name, "data.npz"), x=x.numpy(), y=y.numpy())
        model.double()
        loss = F.cross_entropy(model.plain(x.double()), y)
        named = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss, list(named.values()), create_graph=True)
        products = torch.autograd.grad(sum(torch.sqrt(g * g + EPSILON).sum() for g in gradients), list(named.values()))
        listed = {f"{k}/{n}": v.detach().numpy() for k, values in (("gradient", gradients), ("normGradient", products)) for n, v in zip(named, values)}
        np.savez(os.path.join(here, name, "expected.npz"), loss=loss.item(), **listed)


def strip(graph):
    """Stack traces, by which `no_grad` is told, name files without their folders."""
    for node in graph.node:
        for entry in node.metadata_props:
            entry.value = re.sub(r'File "[^"]*/', 'File "', entry.value)
        for attribute in node.attribute:
            strip(attribute.g)


if __name__ == "__main__":
    main()
