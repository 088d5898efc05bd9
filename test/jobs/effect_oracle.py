"""Writes effectOracle.json: the effect on the bundled sample against the flow and the twin, float64, PyTorch's own optimizers.

    python effect_oracle.py [SAMPLE FOLDER]        needs torch, numpy, onnx; about three minutes on one core

Flow: explicit Euler at h/4 and h/8 with what is of first order extrapolated away (directions are signs: methods of higher order
gain nothing), Runge and Kutta's method of fourth order where the direction is linear in the gradient. Equal loss: the first
crossing, linear in the loss. `moved` is by how much the flow's numbers moved when its step was halved.
"""

import json

import numpy as np
import torch
from digits_oracle import gradient, here, names, norms, run, start


def measured(make, steps):
    """Loss and norms at θ⁽⁰⁾ … θ⁽ᴺ⁾ of an optimizer of PyTorch."""
    return [(loss, each) for loss, each, _ in run(make, steps)]


def euler(direction, h, lowest, most):
    theta, points = [t.clone() for t in start], []
    while len(points) < most and (not points or points[-1][0] > lowest):
        loss, gradients = gradient(theta)
        points.append((loss, norms(gradients)))
        theta = [t - h * d for t, d in zip(theta, direction(theta, gradients))]
    return points


def runge_kutta(direction, h, lowest, most):
    theta, points = [t.clone() for t in start], []

    def slope(at):
        return [-d for d in direction(at, gradient(at)[1])]

    while len(points) < most and (not points or points[-1][0] > lowest):
        loss, gradients = gradient(theta)
        points.append((loss, norms(gradients)))
        a = [-d for d in direction(theta, gradients)]
        b = slope([t + h / 2 * k for t, k in zip(theta, a)])
        c = slope([t + h / 2 * k for t, k in zip(theta, b)])
        d = slope([t + h * k for t, k in zip(theta, c)])
        theta = [t + h / 6 * (p + 2 * q + 2 * r + s) for t, p, q, r, s in zip(theta, a, b, c, d)]
    return points


def crossing(points, loss):
    for (before, a), (after, b) in zip([points[0], *points], points):
        if after <= loss:
            share = 1 if before == after else (before - loss) / (before - after)
            return np.array(a) + share * (np.array(b) - np.array(a))
    return None


def sign(eps=1e-8, l2=0, decay=0, inside=False):
    def direction(theta, gradients):
        seen = [g + l2 * t for g, t in zip(gradients, theta)]
        size = [(g * g + eps).sqrt() if inside else g.abs() + eps for g in seen]
        return [g / s + decay * t for g, s, t in zip(seen, size, theta)]

    return direction


def linear(factor, l2=0):
    return lambda theta, gradients: [factor * (g + l2 * t) for g, t in zip(gradients, theta)]


class InsideAdam(torch.optim.Optimizer):
    """Adam with ε inside the root, as the paper has it."""

    def __init__(self, parameters, lr, betas, eps):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})
        self.n = 0

    @torch.no_grad()
    def step(self):
        self.n += 1
        for group in self.param_groups:
            (beta1, beta2), eps = group["betas"], group["eps"]
            for p in group["params"]:
                state = self.state[p]
                state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * p.grad
                state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * p.grad**2
                root = (state["v"] / (1 - beta2**self.n) + eps).sqrt()
                p -= group["lr"] * state["m"] / (1 - beta1**self.n) / root


o = torch.optim
# Options of the command line, the optimizer, its flow (of which some share one), steps.
flows = [
    ("adam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}, lambda p: o.Adam(p, 1e-3), "sign", 150),
    ("adam", {"lr": 1e-3, "beta1": 0.95, "beta2": 0.5}, lambda p: o.Adam(p, 1e-3, (0.95, 0.5)), "sign", 400),
    ("adam", {"lr": 1e-3, "beta1": 0.0, "beta2": 0.99}, lambda p: o.Adam(p, 1e-3, (0.0, 0.99)), "sign", 150),
    ("adam", {"lr": 5e-4, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6, "eps_placement": "inside"}, lambda p: InsideAdam(p, 5e-4, (0.9, 0.99), 1e-6), "inside", 150),
    ("adam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.95, "weight_decay": 1e-3}, lambda p: o.Adam(p, 1e-3, (0.9, 0.95), weight_decay=1e-3), "l2", 150),
    ("adamw", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.1}, lambda p: o.AdamW(p, 1e-3, weight_decay=0.1), "decay", 150),
    ("rmsprop", {"lr": 5e-4, "alpha": 0.99}, lambda p: o.RMSprop(p, 5e-4, 0.99), "sign", 150),
    ("nadam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}, lambda p: o.NAdam(p, 1e-3), "sign", 150),
    ("sgd", {"lr": 0.1, "momentum": 0.9}, lambda p: o.SGD(p, 0.1, 0.9), "heavy", 100),
]
directions = {
    "sign": (euler, sign(), 1e-3),
    "inside": (euler, sign(1e-6, inside=True), 5e-4),
    "l2": (euler, sign(l2=1e-3), 1e-3),
    "decay": (euler, sign(decay=0.1), 1e-3),
    "heavy": (runge_kutta, linear(10), 0.1),
}
twins = [
    ("adam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}, lambda p: o.Adam(p, 1e-3), lambda p: o.Adam(p, 1e-3, (0.9, 0.9)), 150),
    ("adamw", {"lr": 2e-3, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1}, lambda p: o.AdamW(p, 2e-3, (0.9, 0.95), weight_decay=0.1), lambda p: o.AdamW(p, 2e-3, (0.9, 0.9), weight_decay=0.1), 150),
    # ρ/(1 − ρ) = β²/(1 − β): the mean age of what NAdam's numerator remembers.
    ("nadam", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999}, lambda p: o.NAdam(p, 1e-3), lambda p: o.NAdam(p, 1e-3, (0.9, 8.1 / 9.1)), 150),
    ("sgd", {"lr": 0.02, "momentum": 0.8}, lambda p: o.SGD(p, 0.02, 0.8), lambda p: o.SGD(p, 0.1), 150),
]


def rows(points, steps, reference):
    found = []
    for step in [round(steps * k / 6) // 5 * 5 for k in range(1, 7)]:
        loss, own = points[step]
        values, moved = reference(loss)
        effect = None if values is None else (np.array(own) / values - 1).tolist()
        found.append({"step": step, "loss": loss, "effect": effect, **({} if moved is None else {"moved": moved})})
    return found


def against_flows():
    own = [measured(make, steps) for _, _, make, _, steps in flows]
    paths = {}
    for key, (method, direction, h) in directions.items():
        lowest = min(min(loss for loss, _ in points) for points, flow in zip(own, flows) if flow[3] == key)
        fractions = (4, 8) if method is euler else (1, 2)
        paths[key] = (method, [method(direction, h / s, lowest, 1000 * s) for s in fractions])
        print(key, len(paths[key][1][1]), flush=True)
    cases = []
    for points, (name, hyper, _, key, steps) in zip(own, flows):
        method, (coarse, fine) = paths[key]

        def reference(loss, method=method, coarse=coarse, fine=fine):
            a, b = crossing(coarse, loss), crossing(fine, loss)
            if a is None or b is None:
                return None, None
            moved = (abs(b / a - 1)).tolist()
            return (2 * b - a if method is euler else b), moved

        cases.append({"optimizer": name, "hyper": hyper, "steps": steps, "rows": rows(points, steps, reference)})
    return cases


def against_twins():
    cases = []
    for name, hyper, make, other, steps in twins:
        points, twin = measured(make, steps), measured(other, 2 * steps)
        found = rows(points, steps, lambda loss: (crossing(twin, loss), None))
        cases.append({"optimizer": name, "hyper": hyper, "steps": steps, "rows": found})
    return cases


result = {"tensors": names, "twin": against_twins(), "flow": against_flows()}
(here / "effectOracle.json").write_text(json.dumps(result, indent=1) + "\n")
