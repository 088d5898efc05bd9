"""Writes kinks.json: functions of PyTorch at the points where their slope jumps, as its exporters write them to ONNX, with the
gradient and a Hessian-vector product that PyTorch itself computes in float64.

    pip install torch onnx onnxscript && python test/autodiff/kinks.py [NAME…]

Each model computes E = sum(c * f(w + shift, v)); `shift` is its input and 0, and w, v and c are its parameters. The vector has the
entries 1, 2, 3, … for each parameter. An entry of `exports` that is left out is one in which the file cannot tell what was exported. With names, only these cases are written anew.
"""

import base64
import contextlib
import io
import json
import logging
import math
import os
import re
import sys
import warnings

import onnx
import torch
import torch.nn.functional as F

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

BOTH = ("newer", "optimised", "older")
NEWER = ("newer", "optimised")

# name: (f(w, v), w, v, exporters)
CASES = {
    "relu": (lambda w, v: F.relu(w), [0.0, -1, 1], None, BOTH),
    "relu6": (lambda w, v: F.relu6(w), [0.0, 6, 3], None, BOTH),
    "hardtanh": (lambda w, v: F.hardtanh(w, -1.0, 2.0), [-1.0, 2, 0.5], None, BOTH),
    "clamp": (lambda w, v: w.clamp(-1, 2), [-1.0, 2, 0.5], None, BOTH),
    "clamp min": (lambda w, v: w.clamp(min=-1.0), [-1.0, 2], None, BOTH),
    "clamp max": (lambda w, v: w.clamp(max=2.0), [2.0, -1], None, BOTH),
    "clamp_min": (lambda w, v: torch.clamp_min(w, -1.0), [-1.0, 2], None, BOTH),
    "clamp by a tensor": (lambda w, v: torch.clamp(w, min=torch.tensor(-1.0, dtype=w.dtype)), [-1.0, 2], None, NEWER),
    "clamp by tensors": (
        lambda w, v: torch.clamp(w, torch.tensor(-1.0, dtype=w.dtype), torch.tensor(2.0, dtype=w.dtype)),
        [-1.0, 2, 0.5],
        None,
        NEWER,
    ),
    "clamp by a parameter": (lambda w, v: torch.clamp(w, min=v), [-1.0, 2, 1], [-1.0, 1, 3], ("newer",)),
    "hardsigmoid": (lambda w, v: F.hardsigmoid(w), [-3.0, 3, 1], None, BOTH),
    "hardswish": (lambda w, v: F.hardswish(w), [-3.0, 3, 1], None, BOTH),
    "hardshrink": (lambda w, v: F.hardshrink(w), [-0.5, 0.5, 0, 1], None, BOTH),
    "softshrink": (lambda w, v: F.softshrink(w), [-0.5, 0.5, 0, 1], None, BOTH),
    "threshold": (lambda w, v: F.threshold(w, 1.0, 5.0), [1.0, 0, 2], None, NEWER),
    "leaky_relu": (lambda w, v: F.leaky_relu(w, 0.25), [0.0, -1, 1], None, BOTH),
    "rrelu": (lambda w, v: F.rrelu(w, 0.25, 0.25, False), [0.0, -1, 1], None, ("older",)),
    "prelu": (lambda w, v: F.prelu(w, v), [0.0, -1, 1], [0.25], BOTH),
    "prelu by channel": (lambda w, v: F.prelu(w.reshape(1, 2, 2), v), [0.0, -1, 1, 0], [0.25, 0.5], ("newer",)),
    "elu": (lambda w, v: F.elu(w), [0.0, -1, 1], None, BOTH),
    "elu alpha": (lambda w, v: F.elu(w, 0.5), [0.0, -1, 1], None, BOTH),
    "celu": (lambda w, v: F.celu(w), [0.0, -1, 1], None, BOTH),
    "celu alpha": (lambda w, v: F.celu(w, 0.5), [0.0, -1, 1], None, BOTH),
    "selu": (lambda w, v: F.selu(w), [0.0, -1, 1], None, BOTH),
    "abs": (lambda w, v: w.abs(), [0.0, -1, 1], None, BOTH),
    "sign": (lambda w, v: w * w.sign(), [0.0, -1, 1], None, BOTH),
    "softsign": (lambda w, v: F.softsign(w), [0.0, -1, 1], None, BOTH),
    "maximum": (lambda w, v: torch.maximum(w, v), [0.0, -1, 1], [0.0, 2, -1], BOTH),
    "minimum": (lambda w, v: torch.minimum(w, v), [0.0, -1, 1], [0.0, 2, -1], BOTH),
    "maximum with a number": (lambda w, v: torch.maximum(w, torch.zeros_like(w)), [0.0, -1, 1], None, BOTH),
    "max of two": (lambda w, v: torch.max(w, v), [0.0, -1, 1], [0.0, 2, -1], BOTH),
    "where": (lambda w, v: torch.where(w > 0, w, v), [0.0, -1, 1], [0.5, 2, -1], BOTH),
    "amax": (lambda w, v: w.amax(0), [1.0, 2, 2], None, BOTH),
    "amin": (lambda w, v: w.amin(0, keepdim=True), [1.0, 1, 2], None, BOTH),
    "max of all": (lambda w, v: w.max(), [1.0, 2, 2], None, BOTH),
    "max of a dimension": (lambda w, v: w.reshape(2, 3).max(1)[0], [1.0, 2, 2, 0, 0, 0], None, NEWER),
    "max of the first dimension": (
        lambda w, v: w.reshape(3, 2).max(0, keepdim=True)[0],
        [1.0, 2, 1, 2, 0, 0],
        None,
        NEWER,
    ),
    "min of a dimension": (lambda w, v: w.reshape(2, 3).min(1)[0], [1.0, 2, 1, 0, 0, 0], None, NEWER),
    "topk": (lambda w, v: w.topk(1)[0], [1.0, 2, 2, 0], None, BOTH),
    "sort": (lambda w, v: w.sort()[0][:2], [1.0, 0, 0, 0], None, BOTH),
    "max_pool1d": (lambda w, v: F.max_pool1d(w.reshape(1, 1, 4), 2), [1.0, 1, 2, 1], None, BOTH),
    "max_pool2d over each other": (
        lambda w, v: F.max_pool2d(w.reshape(1, 1, 3, 3), 2, 1),
        [1.0, 1, 0, 1, 1, 0, 0, 0, 0],
        None,
        BOTH,
    ),
    "adaptive_max_pool1d": (lambda w, v: F.adaptive_max_pool1d(w.reshape(1, 1, 3), 1), [1.0, 1, 0], None, BOTH),
    "adaptive_max_pool2d": (lambda w, v: F.adaptive_max_pool2d(w.reshape(1, 1, 2, 2), 1), [0.0, 1, 1, 1], None, BOTH),
    "adaptive_max_pool2d by channel": (
        lambda w, v: F.adaptive_max_pool2d(w.reshape(1, 2, 2, 2), 1),
        [0.0, 1, 1, 1, 2, 2, 0, 0],
        None,
        BOTH,
    ),
    "floor": (lambda w, v: w * w.floor(), [1.0, 0.5], None, BOTH),
    "remainder": (lambda w, v: torch.remainder(w, 2.0), [2.0, 1], None, BOTH),
    "fmod": (lambda w, v: torch.fmod(w, 2.0), [2.0, 1], None, BOTH),
    "norm": (lambda w, v: w.norm(), [3.0, 4], None, BOTH),
    "norm p=1": (lambda w, v: w.norm(p=1), [0.0, 1, -2], None, BOTH),
    "norm p=inf": (lambda w, v: w.norm(p=float("inf")), [1.0, 1, 0], None, BOTH),
    "std of equal numbers": (lambda w, v: w.std(), [1.0, 1], None, NEWER),
    "prod": (lambda w, v: w.prod(), [0.0, 2, 3], None, BOTH),
    "smooth_l1_loss": (
        lambda w, v: F.smooth_l1_loss(w, torch.zeros_like(w), reduction="none"),
        [1.0, -1, 0],
        None,
        NEWER,
    ),
    "huber_loss": (lambda w, v: F.huber_loss(w, torch.zeros_like(w), reduction="none"), [1.0, -1, 0], None, NEWER),
    "hinge": (lambda w, v: F.relu(1 - w), [1.0, 0, 2], None, BOTH),
    "relu squared": (lambda w, v: F.relu(w) ** 2, [0.0, -1, 1], None, BOTH),
    "logsigmoid": (lambda w, v: F.logsigmoid(w), [0.0, -1, 1], None, BOTH),
    "relu then norm": (lambda w, v: F.normalize(w, dim=0), [3.0, 4, 0], None, BOTH),
    "detach": (lambda w, v: w * w.detach() + w, [0.5, -1, 2], None, NEWER),
    "straight through": (lambda w, v: (w + (w.round() - w).detach()) ** 2, [0.4, -1.4, 2], None, NEWER),
    "detach of a product": (lambda w, v: (w * v).detach() * w + w * v, [0.5, -1, 2], [0.5, 2, 1], NEWER),
    "no_grad": (lambda w, v: under_no_grad(w) * w, [0.5, -1, 2], None, NEWER),
    "embedding": (lambda w, v: F.embedding(torch.tensor([0, 1, 1, 2]), w.reshape(3, 1), padding_idx=1).exp(), [0.5, -1, 2], None, NEWER),
}

IMAGE = [0.5, -1.25, 0.75, 2, -0.5, 1.75, 0.625, -1, 1.125, -2, 0.25, 1.5, -0.375, 0.875, 1, -1.5, 2.25, -0.75, 0.125, 1.375]
# Positions at elements' centres with and without aligned corners, halfway between, at the ends, beyond them, and anywhere.
PLACES = [-1.0, -1, 1, 1, -0.5, -0.25, 0, 0.75, 0.25, 0, 0.75, 0.5, -1.25, 0.25, 1.5, -1.75, -2.5, 2.75, 5, -4, 0.3125, 0.4375, -0.5625, 0.8125]


def sampled(mode, padding, aligned):
    def f(w, v):
        return F.grid_sample(w[:20].reshape(1, 1, 4, 5), w[20:].reshape(1, -1, 1, 2), mode, padding, aligned)

    return f


for mode in ("bilinear", "nearest", "bicubic"):
    for padding in ("zeros", "border", "reflection"):
        for aligned in (False, True):
            name = f"grid_sample {mode} {padding}{' aligned' if aligned else ''}"
            CASES[name] = (sampled(mode, padding, aligned), IMAGE + PLACES, None, ("older",))


def transformed(size, aligned):
    def f(w, v):
        grid = F.affine_grid(w[size * size :].reshape(1, 2, 3), [1, 1, size, size], aligned)
        return F.grid_sample(w[: size * size].reshape(1, 1, size, size), grid, align_corners=aligned)

    return f


# A spatial transformer as it begins, with the identity, at which every position is a kink, and as it is later.
for size, aligned in ((4, False), (3, True)):
    for name, matrix in {"identity": [1.0, 0, 0, 0, 1, 0], "moved": [0.875, 0.125, -0.25, -0.1875, 1.25, 0.0625]}.items():
        CASES[f"spatial transformer, {name}{', aligned' if aligned else ''}"] = (
            transformed(size, aligned),
            IMAGE[: size * size] + matrix,
            None,
            ("older 20", "optimised"),
        )


def under_no_grad(w):
    with torch.no_grad():
        return w.exp() + 1


class Model(torch.nn.Module):
    def __init__(self, f, w, v, dtype):
        super().__init__()
        self.f = f
        parameter = lambda values: torch.nn.Parameter(torch.tensor(values, dtype=dtype))
        self.w = parameter(w)
        if v is not None:
            self.v = parameter(v)
        with torch.no_grad():
            size = f(self.w, getattr(self, "v", None)).numel()
        self.c = parameter([1.0 + 0.5 * i for i in range(size)])

    def forward(self, shift):
        y = self.f(self.w + shift, getattr(self, "v", None))
        return (self.c * y.reshape(-1)).sum()


def derivatives(f, w, v):
    model = Model(f, w, v, torch.float64)
    parameters = dict(model.named_parameters())
    loss = model(torch.tensor(0.0, dtype=torch.float64))
    gradients = torch.autograd.grad(loss, parameters.values(), create_graph=True, allow_unused=True)
    gradients = [torch.zeros_like(p) if g is None else g for g, p in zip(gradients, parameters.values())]
    direction = [torch.arange(1.0, p.numel() + 1, dtype=p.dtype).reshape(p.shape) for p in parameters.values()]
    flowing = [(g * u).sum() for g, u in zip(gradients, direction) if g.requires_grad]
    listed = lambda values: {
        name: (torch.zeros_like(p) if x is None else x).detach().add(0).flatten().tolist()
        for (name, p), x in zip(parameters.items(), values)
    }
    try:
        products = torch.autograd.grad(sum(flowing), parameters.values(), allow_unused=True) if flowing else [None] * 3
        product = listed(products)
        if any(not math.isfinite(x) for values in product.values() for x in values):
            product = None
    except RuntimeError as error:
        assert "is not implemented" in str(error)
        product = None
    return {"value": loss.item(), "gradient": listed(gradients), "product": product}


KEPT = {"pkg.torch.onnx.fx_node", "pkg.torch.onnx.class_hierarchy", "pkg.torch.onnx.stack_trace", "pkg.torch.export.graph_signature.InputSpec.kind"}


def exported(f, w, v, exporter):
    model = Model(f, w, v, torch.float32)
    buffer = io.BytesIO()
    how = {
        "newer": {"dynamo": True, "optimize": False},
        "optimised": {"dynamo": True},
        "older": {"dynamo": False, "opset_version": 17, "input_names": ["shift"]},
        "older 20": {"dynamo": False, "opset_version": 20, "input_names": ["shift"]},
    }[exporter]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(model, (torch.tensor(0.0),), buffer, **how)
    proto = onnx.load_from_string(buffer.getvalue())
    for message in [proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
        kept = [entry for entry in message.metadata_props if entry.key in KEPT]
        # Paths of this machine tell nothing.
        kept = [(e.key, re.sub(r'File "(?!<)[^"]*"', 'File "model.py"', e.value)) for e in kept]
        del message.metadata_props[:]
        for key, value in kept:
            message.metadata_props.add(key=key, value=value)
    for node in proto.graph.node:
        node.doc_string = ""
    used = {name for node in proto.graph.node for name in node.input}
    infos = [info for info in proto.graph.value_info if info.metadata_props and info.name in {i.name for i in proto.graph.initializer}]
    kept = [onnx.ValueInfoProto.FromString(info.SerializeToString()) for info in infos if info.name in used]
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(kept)
    return base64.b64encode(proto.SerializeToString()).decode()


def main(only):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kinks.json")
    known = {}
    if only:
        with open(path) as file:
            known = {case["name"]: case for case in json.load(file)["cases"]}
    cases = []
    for name, (f, w, v, exporters) in CASES.items():
        if name in known and name not in only:
            cases.append(known[name])
            continue
        print(name, flush=True)
        exports = {exporter: exported(f, w, v, exporter) for exporter in exporters}
        cases.append({"name": name, **derivatives(f, w, v), "exports": exports})
    with open(path, "w") as file:
        json.dump({"torch": torch.__version__, "cases": cases}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
