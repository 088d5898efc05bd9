"""Writes slowOscillation.json: norms at means of many steps on the bundled sample, float64, PyTorch's own optimizers.

    python slow_oscillation.py [SAMPLE FOLDER]        needs torch, numpy, onnx; a minute on one core

Of each run the last 80 steps: the mean of every fifth point with the weights sin²(πj/80), j = 5, 10 … 75, the loss and the
one-norms there, of the model first and then of each tensor, over the means of the norms of all its steps with such weights.
With --figures it prints the numbers of THEORY.md, C8, of every point.
"""

import json
import sys

import numpy as np
import torch
from digits_oracle import gradient, here, names, norms, run


def stretch(points, last, width=80, spacing=5):
    first = last - width
    weight = lambda j: np.sin(np.pi * j / width) ** 2 * 2 / width
    mean = [
        sum(spacing * weight(j) * points[first + j][2][t] for j in range(spacing, width, spacing))
        for t in range(len(names))
    ]
    loss, gradients = gradient(mean)
    means = sum(weight(j) * np.array(points[first + j][1]) for j in range(1, width))
    return {
        "to": last,
        "loss": sum(weight(j) * points[first + j][0] for j in range(1, width)),
        "lossAtMean": loss,
        "ratios": list(np.array(norms(gradients)) / means),
    }


def adam(beta1, beta2):
    return lambda theta: torch.optim.Adam(theta, lr=1e-3, betas=(float(beta1), float(beta2)))


def sgd(lr, momentum):
    return lambda theta: torch.optim.SGD(theta, lr=lr, momentum=momentum)


if "--figures" in sys.argv:
    pairs = [(0.9, 0.999), (0.9, 0.95), (0.9, 0.9), (0.95, 0.95), (0, 0.999), (0.9, 0.5), (0.95, 0.5)]
    runs = [(f"Adam {pair}", adam(*pair)) for pair in pairs]
    runs += [("SGD lr 0.1", sgd(0.1, 0)), ("SGD lr 0.5 momentum 0.9", sgd(0.5, 0.9))]
    for name, make in runs:
        points = run(make, 450)
        found = [stretch(points, last, width, 1) for last, width in [(50, 50), (80, 80), (160, 80), (450, 80)]]
        print(name, [round(float(1 - each["ratios"][0]), 3) for each in found])
    sys.exit()

cases = []
for optimizer, hyper, make, steps in [
    ("adam", {"lr": 1e-3, "beta1": 0.95, "beta2": 0.5}, adam(0.95, 0.5), 200),
    ("adam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}, adam(0.9, 0.999), 100),
    ("sgd", {"lr": 0.1}, sgd(0.1, 0), 100),
]:
    cases.append({"optimizer": optimizer, "hyper": hyper, "steps": steps, **stretch(run(make, steps), steps)})
(here / "slowOscillation.json").write_text(json.dumps({"tensors": names, "cases": cases}, indent=1) + "\n")
