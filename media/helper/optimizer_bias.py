"""Hands a PyTorch training over to Optimizer Bias Inspector: model, data, optimizer state and settings.

Three ways, all of which leave the training as it is:

    python optimizer_bias.py train.py --config base.yaml     # no change to the script: it runs until enough samples were seen

    import optimizer_bias                                    # or a line in the script
    optimizer_bias.export(model, loss, data, optimizer=optimizer)

    optimizer_bias.capture(step, model, optimizer)           # and one inside the training loop: weights, state, step, order

    optimizer_bias.export_keras(model, (x, y))               # a compiled Keras 3 model, on any backend

This one file needs NumPy, and PyTorch, onnx and onnxscript for models of PyTorch; Keras says what its own export needs. It writes `model.onnx`, `data.npz` and, where the optimizer has begun,
`state.npz` into a folder, and an entry for them into `.optimizer-bias.json`, which the inspector reads. Nothing is sent anywhere.
"""

import argparse
import contextlib
import copy
import fnmatch
import importlib.util
import inspect
import json
import os
import runpy
import sys
import traceback
import warnings
from pathlib import Path

import numpy

try:
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.overrides import TorchFunctionMode

    Module = nn.Module
except ImportError:  # Keras runs without it, too
    torch = F = nn = None
    Module = TorchFunctionMode = object

PROJECT_FILE = ".optimizer-bias.json"
FOLDER = "optimizer-bias"
SAMPLES = 256

# Losses that the inspector knows; every other one becomes part of the model, whose output is then the loss itself.
KNOWN_LOSSES = {
    "cross_entropy": "cross-entropy",
    "nll_loss": "cross-entropy",  # of log-probabilities, which the logarithm of the softmax leaves as they are
    "mse_loss": "mse",
    "binary_cross_entropy_with_logits": "bce-with-logits",
    "binary_cross_entropy": "bce",
}
LOSS_FUNCTIONS = {} if F is None else {
    name: getattr(F, name)
    for name in (*KNOWN_LOSSES, "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "soft_margin_loss")
}
# Arguments of a loss that change nothing, by their names.
PLAIN_ARGUMENTS = {"weight": None, "size_average": None, "ignore_index": -100, "reduce": None, "reduction": "mean",
                   "label_smoothing": 0.0, "pos_weight": None}
OPTIMIZERS = {
    "Adam": "adam", "AdamW": "adamw", "NAdam": "nadam", "RMSprop": "rmsprop", "Adagrad": "adagrad", "SGD": "sgd",
    "FusedAdam": "adamw", "AdamW8bit": "adamw", "Adam8bit": "adam", "Lion": "lion",
}
# Arguments of a model's call that are labels: Hugging Face's models take them and compute their loss of them.
LABELS = ("labels", "label")
# State vectors under the names that the inspector reads.
STATE_NAMES = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg", "sum")


class Refusal(Exception):
    """What cannot be exported, and what to change."""


# -- The optimizer's settings ---------------------------------------------------------------------------------------------


def _settings(optimizer):
    """Name and hyper-parameters of an optimizer, under the inspector's names, and the groups that differ from the first."""
    name = next((OPTIMIZERS[base.__name__] for base in type(optimizer).__mro__ if base.__name__ in OPTIMIZERS), None)
    largest = max(optimizer.param_groups, key=lambda group: sum(p.numel() for p in group["params"]))
    return name, _hyper(largest), largest


def _hyper(group):
    hyper = {}
    for key, value in group.items():
        value = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
        if key == "betas":
            hyper["beta1"], hyper["beta2"] = (float(beta) for beta in value)
        elif key == "lr":
            hyper["lr"] = float(group.get("initial_lr", value))
        elif key in ("eps", "weight_decay", "momentum", "alpha", "dampening") and isinstance(value, (int, float)):
            hyper[key] = float(value)
        elif key in ("nesterov", "amsgrad", "centered") and isinstance(value, bool):
            hyper[key] = value
    return hyper


def _globs(names, others):
    """Patterns that match `names` and none of `others`; a common ending serves for many."""
    names, globs = sorted(names), []
    while names:
        parts = names[0].split(".")
        candidates = ["*." + ".".join(parts[i:]) for i in range(len(parts) - 1, 0, -1)] + [names[0]]
        glob = next(c for c in candidates if c == names[0] or not any(fnmatch.fnmatchcase(o, c) for o in others))
        globs.append(glob)
        names = [n for n in names if not fnmatch.fnmatchcase(n, glob)]
    return globs


def _groups(optimizer, model, common):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    all_names, entries = set(names.values()), []
    base = _hyper(common)
    for group in optimizer.param_groups:
        differs = {key: value for key, value in _hyper(group).items() if base.get(key) != value}
        own = {names[id(p)] for p in group["params"] if id(p) in names}
        if group is not common and differs and own:
            entries += [{"glob": glob, "hyper": differs} for glob in _globs(own, all_names - own)]
    return entries


def _frozen(optimizer, model):
    """Parameters that the optimizer does not train: an ONNX file does not tell them from the others."""
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]} if optimizer else None
    return sorted(
        name for name, p in model.named_parameters() if not p.requires_grad or (trained is not None and id(p) not in trained)
    )


def _factors(scheduler, steps):
    """By what a scheduler multiplies the learning rate at steps 0, 1, …; None where that depends on the training."""
    if scheduler is None or "metrics" in inspect.signature(scheduler.step).parameters:
        return None
    real = scheduler.optimizer
    rates = [group.get("initial_lr", group["lr"]) for group in real.param_groups]
    if not rates or any(not rate for rate in rates):
        return None
    stand_in = torch.optim.SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": float(g["lr"])} for g in real.param_groups])
    for mine, theirs, rate in zip(stand_in.param_groups, real.param_groups, rates):
        mine.update({k: v for k, v in theirs.items() if k != "params"}, initial_lr=rate)
    twin = copy.copy(scheduler)
    twin.__dict__ = {k: (copy.deepcopy(v) if isinstance(v, (list, dict)) and k != "lr_lambdas" else v)
                     for k, v in scheduler.__dict__.items()}
    twin.optimizer = stand_in
    factors = []
    # It warns of the stand-in, whose steps it has not seen.
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(steps):
            factors.append(float(stand_in.param_groups[0]["lr"]) / float(rates[0]))
            stand_in._opt_called = True
            twin.step()
    return factors if len(factors) == steps and any(f != 1 for f in factors) else None


def _state_arrays(optimizer, model):
    """State vectors as KIND/PARAMETER and the number of steps taken; empty before the first."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    arrays, steps = {}, 0
    for parameter, state in optimizer.state.items():
        name = names.get(id(parameter))
        if name is None:
            continue
        for key, value in state.items():
            if key == "step":
                steps = max(steps, int(value))
            elif key in STATE_NAMES and isinstance(value, torch.Tensor):
                arrays[f"{key}/{name}"] = _array(value)
    if arrays:
        arrays["step"] = numpy.asarray(steps, dtype=numpy.int64)
    return arrays


# -- Tensors and batches --------------------------------------------------------------------------------------------------


def _array(tensor):
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def _tensors(value, name=""):
    """The tensors of nested arguments with their names."""
    if isinstance(value, torch.Tensor):
        return [(name, value)]
    if isinstance(value, dict) or hasattr(value, "items"):
        return [pair for key, entry in value.items() for pair in _tensors(entry, str(key))]
    if isinstance(value, (list, tuple)):
        return [pair for i, entry in enumerate(value) for pair in _tensors(entry, f"{name or 'input'}_{i}" if i else name)]
    return []


def _main_output(output):
    """The tensor of an output that a loss is taken of: `logits` where there are any, else the only or first one."""
    if isinstance(output, torch.Tensor):
        return output
    logits = getattr(output, "logits", None)
    if logits is None and isinstance(output, dict):
        logits = output.get("logits")
    if isinstance(logits, torch.Tensor):
        return logits
    found = [tensor for _, tensor in _tensors(output) if tensor.is_floating_point()]
    if not found:
        raise Refusal("The model returns no tensor of floating-point numbers.")
    return found[0]


def _call(model, args, kwargs):
    bound = inspect.signature(model.forward).bind_partial(*args, **kwargs)
    arguments = {}
    for key, value in bound.arguments.items():
        kind = bound.signature.parameters[key].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            arguments.update({f"{key}_{i}": v for i, v in enumerate(value)})
        else:
            arguments[key] = value
    return arguments


class _Model(Module):
    """The user's model with tensors as its only arguments and one tensor as its result."""

    def __init__(self, model, arguments, inputs, loss=None):
        super().__init__()
        self.model = model
        self.inputs = inputs
        # A count of labels would be that of the first batch.
        self.fixed = {k: v for k, v in arguments.items() if k not in inputs and k not in (*LABELS, "num_items_in_batch")}
        self.loss = loss

    def forward(self, *tensors):
        given = dict(zip(self.inputs, tensors))
        target = given.pop("y", None)
        names = inspect.signature(self.model.forward).parameters
        positional = [k for k, p in names.items() if p.kind is inspect.Parameter.VAR_POSITIONAL]
        if positional:
            output = self.model(*(v for k, v in given.items() if k.startswith(positional[0])))
        else:
            output = self.model(**given, **self.fixed)
        return self.loss(output, target) if self.loss else _main_output(output)


def _own_loss(output, _=None):
    """The loss that a model computes itself of labels among its arguments, as part of what is exported."""
    return output["loss"] if isinstance(output, dict) else output.loss


# -- Losses ---------------------------------------------------------------------------------------------------------------


def _same(a, b):
    return a.shape == b.shape and torch.allclose(a.float(), b.float(), rtol=1e-4, atol=1e-5)


def _aligned(output, given, target):
    """The target in the shape that goes with the model's output; None where the loss was not taken of that output as it is."""
    output, given = output.detach(), given.detach()
    if output.dim() == 3 and output[:, :-1].numel() == given.numel() and target.numel() == output.shape[0] * (output.shape[1] - 1):
        # A language model's script that compares position t with label t + 1 itself.
        if _same(output[:, :-1].reshape(given.shape), given):
            padded = target.new_full(output.shape[:2], -100)
            padded[:, :-1] = target.reshape(output.shape[0], -1)
            return padded
    if output.numel() != given.numel():
        return None
    if _same(output, given):
        return target
    if _same(output.reshape(given.shape), given):
        lead = output.shape[:-1] if target.numel() != output.numel() else output.shape
        return target.reshape(lead) if target.numel() == numpy.prod(lead, dtype=int) else None
    if output.dim() > 2 and _same(output.transpose(1, -1).reshape(given.shape), given):
        lead = output.shape[:1] + output.shape[2:]
        return target.reshape(lead) if target.numel() == numpy.prod(lead, dtype=int) else None
    return None


def _shifted(output, labels, ignore=-100):
    """Labels of a language model whose own loss compares position t with label t + 1."""
    shifted = torch.full_like(labels, ignore)
    shifted[:, :-1] = labels[:, 1:]
    return shifted


def _classes_second(output):
    """Logits [batch, …, classes] as the cross-entropy takes them: [batch, classes, …]."""
    logits = _main_output(output)
    # The older exporter writes negative axes as they are, which ONNX does not know.
    return logits.movedim(logits.dim() - 1, 1)


def _cross_entropy(logits, target, weight=None, ignore_index=-100, label_smoothing=0.0, **_):
    """The cross-entropy in operators that every exporter keeps: PyTorch's drops label smoothing without a word."""
    logits = logits.movedim(1, logits.dim() - 1).reshape(-1, logits.shape[1])
    target = target.reshape(-1)
    scores = F.log_softmax(logits, -1)
    counts = (target != ignore_index).to(scores.dtype)
    target = target.clamp(min=0)
    weight = torch.ones(scores.shape[1], dtype=scores.dtype) if weight is None else weight
    counts = counts * weight[target]
    right = (scores.gather(1, target[:, None])[:, 0] * counts).sum()
    every = ((scores * weight).sum(-1) * (counts > 0)).sum()
    smooth = label_smoothing / scores.shape[1]
    return -((1 - label_smoothing) * right + smooth * every) / counts.sum()


def _known(output, labels, value):
    """Which of the inspector's losses gives `value`: name and labels; None where none does."""
    candidates = []
    if labels is None:
        return None
    whole = not labels.is_floating_point()
    if whole and output.dim() >= 2 and labels.shape == output.shape[:-1]:
        candidates.append(("cross-entropy", labels))
        if labels.dim() == 2:
            candidates.append(("cross-entropy", _shifted(output, labels)))
    if whole and output.dim() > 2 and labels.shape == output.shape[:1] + output.shape[2:]:
        candidates.append(("cross-entropy", labels))
    if output.numel() == labels.numel():
        target = labels.reshape(output.shape).to(output.dtype)
        candidates += [("mse", target), ("bce-with-logits", target)]
    for name, target in candidates:
        with contextlib.suppress(Exception):
            if torch.allclose(_value(name, output.detach(), target).double(), value.detach().double(), rtol=1e-4, atol=1e-6):
                return name, target
    return None


def _value(name, output, target):
    if name == "cross-entropy":
        classes_last = output.shape[:-1] == target.shape
        return F.cross_entropy(output.reshape(-1, output.shape[-1]) if classes_last else output,
                               target.reshape(-1) if classes_last else target)
    return F.mse_loss(output, target) if name == "mse" else F.binary_cross_entropy_with_logits(output, target)


# -- Writing --------------------------------------------------------------------------------------------------------------


def _onnx(wrapped, inputs, path):
    """Writes the model with its own names for weights; the number of samples stays open where the exporter can leave it so."""
    import onnx

    names = list(inputs)
    tensors = tuple(inputs.values())
    _fresh(path)
    large = sum(p.numel() * p.element_size() for p in wrapped.parameters()) > 1_500_000_000
    keep = dict(input_names=names, output_names=["output"], opset_version=18)
    errors, doubtful = [], None
    for dynamic, newer in _exporters():
        try:
            if newer:
                batch = torch.export.Dim("batch", min=1) if dynamic else None
                shapes = {"tensors": tuple({0: batch} if t.dim() else None for t in tensors)} if dynamic else None
                torch.onnx.export(wrapped, tensors, str(path), dynamo=True, optimize=False, external_data=large,
                                  dynamic_shapes=shapes, verbose=False, **keep)
            else:
                axes = {name: {0: "batch"} for name in [*names, "output"]} if dynamic else None
                options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
                # The older exporter keeps parameters apart that are equal by chance only for a model that trains; layers do not.
                options["training"] = torch.onnx.TrainingMode.PRESERVE
                wrapped.training = True
                torch.onnx.export(wrapped, tensors, str(path), do_constant_folding=False, dynamic_axes=axes, **options, **keep)
        except Exception as error:  # noqa: BLE001 - each exporter has failures of its own; the next one tries it differently
            errors.append(error)
            continue
        try:
            _check(path, {} if newer or large or not dynamic else inputs)
            break
        except Exception as error:  # noqa: BLE001 - a model that breaks the rules of ONNX is kept for want of a better one
            errors.append(error)
            doubtful = doubtful or (None if large else (path.read_bytes(), newer))
    else:
        if doubtful is None:
            raise Refusal(f"PyTorch could not export the model: {errors[0]}") from errors[0]
        newer = doubtful[1]
        path.write_bytes(doubtful[0])
    model = onnx.load(str(path), load_external_data=False)
    own = {name for name, _ in [*wrapped.model.named_parameters(remove_duplicate=False), *wrapped.model.named_buffers()]}
    renamed = {}
    for tensor in model.graph.initializer:
        name = tensor.name
        # One exporter of 2.5 and 2.6 puts the prefix twice.
        while name not in own and name.startswith("model."):
            name = name[len("model."):]
        if name in own and name != tensor.name:
            renamed[tensor.name] = tensor.name = name
    for value in [*model.graph.input, *model.graph.value_info]:
        value.name = renamed.get(value.name, value.name)
    padded = {} if newer else _padding_rows(wrapped.model)
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Gather" and node.input[0] in padded:
            row = padded[node.input[0]]
            call = f"%embedding : = call_function[target=torch.ops.aten.embedding.default](args = (%weight, %indices, {row}), kwargs = {{}})"
            node.metadata_props.add(key="pkg.torch.onnx.fx_node", value=call)
    onnx.save(model, str(path))


def _check(path, inputs):
    """Raises where a model breaks the rules of ONNX, or where it does not take fewer samples than these `inputs` have."""
    import onnx
    import onnx.reference

    onnx.checker.check_model(str(path), full_check=True)
    # What the older exporter leaves open in the inputs may be fixed within: of a mask, for example.
    if any(t.dim() and t.shape[0] > 1 for t in inputs.values()):
        fewer = {name: _array(t[:-1] if t.dim() else t) for name, t in inputs.items()}
        onnx.reference.ReferenceEvaluator(str(path)).run(None, fewer)


def _exporters():
    """The ways to export, the best first: whether the number of samples stays open, and whether by PyTorch's newer exporter."""
    release = tuple(int(part) for part in torch.__version__.split(".")[:2])
    # Before 2.7 the newer one is not finished: what it writes of an LSTM or of BatchNorm is wrong.
    order = (True, False) if release >= (2, 7) else (False, True)
    return [(dynamic, newer) for dynamic in (True, False) for newer in order]


def _padding_rows(model):
    """Rows of embeddings that do not train, by the names of their tables; the newer exporter notes them itself, as is done here."""
    return {f"{name}.weight".lstrip("."): module.padding_idx for name, module in model.named_modules()
            if isinstance(module, nn.Embedding) and module.padding_idx is not None}


def _project_folder():
    given = os.environ.get("OPTIMIZER_BIAS_PROJECT")
    if given:
        return Path(given).resolve()
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FILE).exists() or (folder / ".git").exists():
            return folder
    return here


def _folder(directory):
    """The folder that is written to. A link in its place may lead to what must not be overwritten."""
    if Path(directory).is_symlink():
        raise Refusal(f"{directory} is a link to {Path(directory).resolve()}, and nothing is written through links. Remove it, or "
                      "give another directory.")
    return Path(directory).resolve()


def _fresh(path):
    """A file to be written: a link in its place is taken away, and what it leads to is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    return path


def _write_entry(entry):
    """Puts the entry first in the project file, in place of an older one of the same model."""
    path = _project_folder() / PROJECT_FILE
    known = {"inspections": []}
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
    others = [each for each in known.get("inspections", []) if each.get("model") != entry["model"]]
    known["inspections"] = [entry, *others]
    partial = _fresh(path.with_suffix(".partial"))
    partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def _relative(path):
    try:
        return Path(path).resolve().relative_to(_project_folder()).as_posix()
    except ValueError:
        return str(Path(path).resolve())


@contextlib.contextmanager
def _evaluating(model):
    """Dropout off and running statistics in use while the model is looked at; afterwards everything is as before."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in training.items():
            module.training = mode


def _batch_statistics(model):
    norms = (nn.modules.batchnorm._BatchNorm,)
    return any(isinstance(module, norms) and module.training and module.track_running_stats for module in model.modules())


def _differences(model):
    """In what the exported model is not the one that trains, a few words each."""
    drops = [m for m in model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.training and m.p > 0]
    config = getattr(model, "config", None)
    inner = [getattr(config, key, 0) for key in ("attention_dropout", "attention_probs_dropout_prob", "layerdrop")]
    has_dropout = bool(drops) or (model.training and any(isinstance(p, float) and p > 0 for p in inner))
    mixed = torch.is_autocast_enabled() or any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters())
    return [text for text, holds in (("dropout off", has_dropout), ("no mixed precision", mixed)) if holds]


def _is_sampled(name, value, own):
    """Arguments with a value for each sample; single numbers are settings of the call. Labels are, for a loss of the model's own."""
    return isinstance(value, torch.Tensor) and value.dim() > 0 and (own or name not in LABELS)


def _makes_inputs_of_labels(model):
    """Encoder-decoders derive the decoder's inputs from the labels, so that they cannot be called without."""
    return bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))


class _Export:
    """What is exported of one training: the model at once, its samples as they come, the rest at the end."""

    def __init__(self, model, arguments, labels, loss, optimizer, directory, scheduler=None, steps=200):
        self.model, self.optimizer, self.folder = model, optimizer, _folder(directory)
        inputs = {name: t for name, t in arguments.items() if _is_sampled(name, t, loss is _own_loss)}
        if not inputs:
            raise Refusal("The model is called without a tensor.")
        if len(inputs) == 1 and "x" not in inputs:
            self.names = dict(zip(inputs, ["x"]))
        else:
            self.names = {name: name for name in inputs}
        self.loss, self.inside = loss if isinstance(loss, str) else "output", None if isinstance(loss, str) else loss
        self.batch_statistics = _batch_statistics(model)
        self.batches, self.shapes, self.skipped = [], None, 0
        self.differs = _differences(model)
        self.initial_state = _state_arrays(optimizer, model) if optimizer else {}
        self.frozen = _frozen(optimizer, model)
        self.factors = _factors(scheduler, steps)
        example = {name: t.detach().clone() for name, t in inputs.items()}
        if self.inside is not None and self.inside is not _own_loss and labels is not None:
            example["y"] = labels.detach().clone()
        with _evaluating(model):
            wrapped = _Model(model, arguments, list(example), self.inside).eval()
            _onnx(wrapped, {self.names.get(name, name): t for name, t in example.items()}, self.folder / "model.onnx")

    def add(self, arguments, labels):
        """Samples of one step; those of other shapes than the first ones are left out."""
        batch = {self.names[name]: _array(arguments[name]) for name in self.names}
        if labels is not None:
            batch["y"] = _array(labels)
        shapes = {name: array.shape[1:] for name, array in batch.items()}
        self.shapes = self.shapes or shapes
        if shapes == self.shapes:
            self.batches.append(batch)
        else:
            self.skipped += 1

    @property
    def samples(self):
        return sum(next(iter(batch.values())).shape[0] for batch in self.batches)

    def write(self, source=None, batch_size=None, drop_last=False, clip_norm=None, order=None, total=None, pace=1):
        """Writes all but the model. `pace`: optimizer steps for each step of the scheduler, None where that is not known."""
        names = self.batches[0].keys()
        data = {name: numpy.concatenate([batch[name] for batch in self.batches]) for name in names}
        numpy.savez(_fresh(self.folder / "data.npz"), **data)
        entry = {"model": _relative(self.folder / "model.onnx"), "data": _relative(self.folder / "data.npz"), "loss": self.loss}
        if source:
            entry["source"] = _relative(source)
        if self.optimizer is not None:
            name, hyper, common = _settings(self.optimizer)
            if name:
                entry.update(optimizer=name, framework="pytorch", hyper=hyper)
            groups = _groups(self.optimizer, self.model, common)
            if groups:
                entry["groups"] = groups
            if self.initial_state:
                numpy.savez(_fresh(self.folder / "state.npz"), **self.initial_state)
                entry["state"] = _relative(self.folder / "state.npz")
        if batch_size and batch_size < self.samples:
            entry["batchSize"] = int(batch_size)
        if order is not None:
            numpy.save(self.folder / "order.npy", order)
            entry["order"] = _relative(self.folder / "order.npy")
        elif "batchSize" in entry:
            # The samples lie in the order in which the training took them.
            entry["order"] = "cyclic"
        if drop_last:
            entry["dropLast"] = True
        if clip_norm:
            entry["clipNorm"] = float(clip_norm)
        if self.factors:
            factors = [self.factors[i // pace] for i in range(len(self.factors))] if pace else [1.0]
            if any(factor != 1 for factor in factors):
                entry["schedule"] = {"kind": "table", "factors": factors}
            else:
                how = f"its schedule steps every {pace} steps" if pace else "when its schedule steps was not seen"
                self.differs.append(f"constant learning rate ({how})")
        if self.frozen:
            entry["freeze"] = _globs(self.frozen, {n for n, _ in self.model.named_parameters()} - set(self.frozen))
        if self.batch_statistics:
            entry["batchStatistics"] = True
        if total and total > self.samples:
            self.differs.append(f"{self.samples} of {total} samples")
        if self.differs:
            entry["differs"] = self.differs
        path = _write_entry(entry)
        if self.skipped:
            print(f"{self.skipped} batches of other shapes were left out.")
        print(f"Wrote {self.folder / 'model.onnx'} and {self.folder / 'data.npz'} ({self.samples} samples), and {path}.")
        return entry


# -- For a line in a script -----------------------------------------------------------------------------------------------


def _batches(data):
    """Batches of a loader, a data set of single samples, or one batch."""
    if isinstance(data, dict) or (isinstance(data, (list, tuple)) and data and isinstance(data[0], torch.Tensor)):
        return [data]
    if isinstance(data, torch.utils.data.Dataset) and not isinstance(data, torch.utils.data.IterableDataset):
        return torch.utils.data.DataLoader(data, batch_size=32)
    return data


def _length(loader):
    """The samples of a loader's data set; None where it does not say."""
    with contextlib.suppress(Exception):
        return len(loader.dataset)


def _epoch_length(loader):
    """The batches of an epoch; None where the loader does not say."""
    with contextlib.suppress(Exception):
        return len(loader)


def _split(model, batch):
    """Arguments of the model and labels, from a batch as loaders give it."""
    if isinstance(batch, dict) or hasattr(batch, "items"):
        batch = dict(batch)
        labels = next((batch[key] for key in ("labels", "label", "y", "target") if key in batch), None)
        accepted = inspect.signature(model.forward).parameters
        return {k: v for k, v in batch.items() if k in accepted and k not in LABELS}, labels
    *inputs, labels = batch if isinstance(batch, (list, tuple)) else (batch, None)
    return _call(model, tuple(inputs), {}), labels


def _with_labels(arguments, labels, loss):
    """For a loss of the model's own, its labels are among the arguments, as they were in its call."""
    return {**arguments, "labels": labels} if loss is _own_loss and labels is not None else arguments


def _inner_loss(loss):
    """The user's loss as part of the model."""
    if isinstance(loss, nn.CrossEntropyLoss):
        options = {"weight": loss.weight, "ignore_index": loss.ignore_index, "label_smoothing": loss.label_smoothing}
        return lambda output, target: _cross_entropy(_main_output(output), target, **options)
    return lambda output, target: loss(_main_output(output), target)


def export(model, loss, data, optimizer=None, directory=FOLDER, *, samples=SAMPLES, scheduler=None, clip_norm=None,
           source=None):
    """Exports a model with samples for the inspector.

    model      a PyTorch module, a Hugging Face model or a Lightning module
    loss       a module or function of (output, labels); None where the model computes it itself (Hugging Face)
    data       a DataLoader, a Dataset, or one batch: (input, …, labels) or a dictionary
    optimizer  settings, parameter groups and state are taken from it
    Raises Refusal with what to change. Returns the entry that was written into `.optimizer-bias.json`.
    """
    parameter = next(model.parameters())
    done = None
    for batch in _batches(data):
        arguments, labels = _split(model, batch)
        arguments = {k: v.to(parameter.device) if isinstance(v, torch.Tensor) else v for k, v in arguments.items()}
        labels = labels.to(parameter.device) if isinstance(labels, torch.Tensor) else labels
        if done is None:
            with _evaluating(model), torch.no_grad():
                if loss is None:
                    given = {"labels": labels} if labels is not None else {}
                    result = _Model(model, {}, []).model(**arguments, **given)
                    output, value = _main_output(result), result.loss if hasattr(result, "loss") else result["loss"]
                else:
                    output = _main_output(model(**arguments))
                    value = loss(output, labels)
            kind = None if loss is None and _makes_inputs_of_labels(model) else _known(output, labels, value)
            if kind is None and loss is None:
                chosen = _own_loss
            else:
                chosen = kind[0] if kind else _inner_loss(loss)
            shift = kind is not None and kind[0] == "cross-entropy" and not torch.equal(kind[1], labels)
            done = _Export(model, _with_labels(arguments, labels, chosen), labels, chosen, optimizer, directory, scheduler)
        target = kind[1] if kind and done.samples == 0 else labels
        if kind and done.samples:
            target = _shifted(output, labels) if shift else labels.reshape((labels.shape[0], *kind[1].shape[1:])).to(kind[1].dtype)
        done.add(_with_labels(arguments, target, chosen), None if chosen is _own_loss else target)
        if done.samples >= samples:
            break
    if done is None:
        raise Refusal("The data holds no batch.")
    loader = data if isinstance(data, torch.utils.data.DataLoader) else None
    return done.write(source=source, batch_size=loader.batch_size if loader else None, total=_length(loader),
                      drop_last=bool(loader and loader.drop_last), clip_norm=clip_norm)


def capture(step, model, optimizer, directory=FOLDER, *, indices=None):
    """Writes weights, optimizer state and, where given, the order of the batches at one moment of a training.

    step       steps that have been taken
    indices    the samples of each batch so far and to come: integers [steps, batch]
    Returns the folder; `--weights` and `--state` of the inspector read its files.
    """
    folder = Path(directory).resolve() / f"step-{step}"
    folder.mkdir(parents=True, exist_ok=True)
    numpy.savez(folder / "weights.npz", **{name: _array(p) for name, p in model.state_dict().items()})
    numpy.savez(folder / "state.npz", **{**_state_arrays(optimizer, model), "step": numpy.asarray(step, dtype=numpy.int64)})
    if indices is not None:
        numpy.save(folder / "order.npy", numpy.asarray(indices, dtype=numpy.int64))
    print(f"Wrote {folder} (weights.npz, state.npz{', order.npy' if indices is not None else ''}).")
    return folder


# -- For Keras ------------------------------------------------------------------------------------------------------------

KERAS_OPTIMIZERS = {"Adam": "adam", "AdamW": "adamw", "Nadam": "nadam", "RMSprop": "rmsprop", "Adagrad": "adagrad", "SGD": "sgd",
                    "Lion": "lion"}
KERAS_LOSSES = {  # name of the class without its separators: the inspector's loss, of probabilities and of logits
    "sparsecategoricalcrossentropy": ("cross-entropy-on-probabilities", "cross-entropy"),
    "categoricalcrossentropy": ("cross-entropy-on-probabilities", "cross-entropy"),
    "binarycrossentropy": ("bce", "bce-with-logits"),
    "meansquarederror": ("mse", "mse"),
    "mse": ("mse", "mse"),
}


def _keras_loss(loss):
    """The inspector's name of a compiled Keras loss."""
    name = (loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)).replace("_", "").lower()
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    if name not in KERAS_LOSSES:
        raise Refusal(f"The loss {name} is none that the inspector knows; compile the model with one of {', '.join(KERAS_LOSSES)}.")
    if config.get("label_smoothing"):
        raise Refusal("Label smoothing of a Keras loss cannot be exported; compile the model without it.")
    return KERAS_LOSSES[name][bool(config.get("from_logits", False))], name


def _single(value):
    """A number that Keras keeps in single precision, as it was written: 0.002 for 0.0020000000949949026."""
    return float(str(numpy.float32(value)))


def _keras_settings(optimizer, steps):
    """Name, hyper-parameters and the factors of the schedule of a Keras optimizer, None where it is constant."""
    config = optimizer.get_config()
    renamed = {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps", "rho": "alpha", "momentum": "momentum",
               "weight_decay": "weight_decay", "amsgrad": "amsgrad", "centered": "centered", "nesterov": "nesterov"}
    hyper = {theirs: config[ours] for ours, theirs in renamed.items() if isinstance(config.get(ours), (int, float))}
    schedule = getattr(optimizer, "_learning_rate", None)
    if not callable(schedule):
        return {**hyper, "lr": _single(config["learning_rate"])}, None
    rates = [float(schedule(step)) for step in range(steps)]
    first = next((rate for rate in rates if rate > 0), None)
    if first is None:
        raise Refusal("The learning rate is 0 throughout.")
    # What the schedule multiplies: its largest value, as warm-up begins at 0.
    peak = max(rates)
    return {**hyper, "lr": _single(peak)}, [_single(rate / peak) for rate in rates]


def _keras_batches(data):
    """Pairs of inputs and labels: of (x, y) as arrays, or of a data set that is iterated."""
    if isinstance(data, (tuple, list)) and len(data) == 2 and hasattr(data[0], "shape"):
        return [data]
    return data


def _keras_array(value):
    detached = value.detach().cpu() if hasattr(value, "detach") else value
    return numpy.asarray(detached)


def export_keras(model, data, directory=FOLDER, *, samples=SAMPLES, source=None, batch_size=None, steps=200):
    """Exports a compiled Keras 3 model with samples for the inspector, by `model.export(format="onnx")`.

    model      with one input and one output, compiled with its loss and optimizer
    data       (x, y) as arrays, or batches of them: a tf.data.Dataset, a PyDataset, a DataLoader
    batch_size as given to `fit`, where the data are arrays (Keras' default is 32)
    What Keras' own export needs depends on the backend: tf2onnx with TensorFlow and JAX, onnx and onnxscript with PyTorch.
    Raises Refusal with what to change. Returns the entry that was written into `.optimizer-bias.json`.
    """
    if getattr(model, "optimizer", None) is None or not getattr(model, "loss", None):
        raise Refusal("The model is not compiled: call model.compile(optimizer=…, loss=…) first.")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise Refusal("Keras models of one input and one output can be exported.")
    loss, kind = _keras_loss(model.loss)
    xs, ys, total, per_batch = [], [], 0, None
    for batch in _keras_batches(data):
        x, y = _keras_array(batch[0]), _keras_array(batch[1])
        per_batch = per_batch or len(x)
        left = samples - total
        xs.append(x[:left])
        ys.append(y[:left])
        total += len(xs[-1])
        if total >= samples:
            break
    if not xs:
        raise Refusal("The data holds no batch.")
    x, y = numpy.concatenate(xs), numpy.concatenate(ys)
    if kind == "categoricalcrossentropy":
        if not numpy.array_equal(numpy.sort(y, -1)[..., -1], numpy.ones(y.shape[:-1])):
            raise Refusal("The labels are no single classes; use labels that name one class each.")
        y = y.argmax(-1)
    if kind == "sparsecategoricalcrossentropy":
        y = y.reshape(y.shape[0], *[size for size in y.shape[1:] if size != 1]).astype(numpy.int64)
    folder = _folder(directory)
    folder.mkdir(parents=True, exist_ok=True)
    # A model that was never called has nothing to be exported.
    model.predict(x[:1], verbose=0)
    try:
        model.export(str(_fresh(folder / "model.onnx")), format="onnx", verbose=False)
    except ImportError as error:
        raise Refusal(f"Keras' export to ONNX needs a package that is not there: {error}. Install it, with pip for example.") from error
    except ValueError as error:
        if "format" in str(error).lower():
            raise Refusal("This version of Keras does not export ONNX files; 3.8 and newer do.") from error
        raise
    numpy.savez(_fresh(folder / "data.npz"), x=x, y=y)
    hyper, factors = _keras_settings(model.optimizer, steps)
    name = next((KERAS_OPTIMIZERS[b.__name__] for b in type(model.optimizer).__mro__ if b.__name__ in KERAS_OPTIMIZERS), None)
    entry = {"model": _relative(folder / "model.onnx"), "data": _relative(folder / "data.npz"), "loss": loss}
    if source:
        entry["source"] = _relative(source)
    if name:
        entry.update(optimizer=name, framework="keras", hyper=hyper)
    arrays = isinstance(data, (tuple, list))
    size = batch_size or (32 if arrays else per_batch)
    if size < len(x):
        entry.update(batchSize=int(size), order="cyclic")
    config = model.optimizer.get_config()
    if config.get("global_clipnorm"):
        entry["clipNorm"] = float(config["global_clipnorm"])
    if factors and any(factor != 1 for factor in factors):
        entry["schedule"] = {"kind": "table", "factors": factors}
    count = len(data[0]) if arrays else None
    layers = [type(layer).__name__ for layer in model._flatten_layers()]
    differs = [
        any("Dropout" in each for each in layers) and "dropout off",
        any("BatchNormalization" in each for each in layers) and "running statistics of BatchNormalization, which the export folds",
        bool(config.get("clipnorm")) and "no clipping of each weight by itself",
        count and count > len(x) and f"{len(x)} of {count} samples",
    ]
    if any(differs):
        entry["differs"] = [text for text in differs if text]
    path = _write_entry(entry)
    print(f"Wrote {folder / 'model.onnx'} and {folder / 'data.npz'} ({len(x)} samples), and {path}.")
    return entry


# -- For a script as it is ------------------------------------------------------------------------------------------------


class _Done(BaseException):
    """Ends the training once enough has been seen."""


class _Losses(TorchFunctionMode):
    """Remembers the last call of a loss function."""

    def __init__(self):
        super().__init__()
        self.last, self.depth = None, 0
        self.names = {function: name for name, function in LOSS_FUNCTIONS.items()}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = self.names.get(function)
        if name is None:
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
        self.last = (name, dict(bound), result.detach() if isinstance(result, torch.Tensor) else None)
        return result


class _Watcher:
    """Watches a script's training: what the model is called with, which loss follows, and the optimizer's first step."""

    def __init__(self, script, folder, samples):
        self.script, self.folder, self.samples = script, folder, samples
        self.losses = _Losses()
        self.depth, self.call, self.value = 0, None, None
        self.export = self.clip = self.loader = self.scheduler = self.smoother = None
        self.running, self.restore_smoother = False, None
        # What the script left with, where it left by itself.
        self.code = None
        # Calls of the model since the last step, before each step, and the scheduler's own count there.
        self.calls, self.calls_before, self.counts = 0, [], []
        # Exporters call the model too, in ways of their own, and some of these calls fail.
        self.exporting, self.unwatched = False, contextlib.nullcontext

    # The outermost call of a module with parameters is that of the model.
    def before_call(self, module, args):
        if self.exporting:
            return
        self.depth += 1
        if self.depth == 1:
            self.watch_smoother()

    def watch_smoother(self):
        """The Trainer of transformers smooths labels outside of its models, in no function of PyTorch's."""
        smoothers = sys.modules.get("transformers.trainer_pt_utils")
        if smoothers is None or self.restore_smoother is not None:
            return
        kind, original = smoothers.LabelSmoother, smoothers.LabelSmoother.__call__

        def smoothed(this, model_output, labels, shift_labels=False, **kwargs):
            self.smoother = (this.epsilon, this.ignore_index, labels.detach(), shift_labels)
            return original(this, model_output, labels, shift_labels=shift_labels, **kwargs)

        kind.__call__ = smoothed
        self.restore_smoother = lambda: setattr(kind, "__call__", original)

    def after_call(self, module, args, *rest):
        if self.exporting:
            return
        # After a call that failed, PyTorch 2.6 tells the hook of no keyword arguments.
        kwargs, output = rest if len(rest) == 2 else ({}, *rest)
        self.depth -= 1
        if self.depth == 0 and torch.is_grad_enabled() and any(p.requires_grad for p in module.parameters()):
            self.call = (module, args, kwargs, output)
            self.calls += 1

    def before_step(self, optimizer, args, kwargs):
        if self.running:
            return
        closure = kwargs.get("closure") or next((a for a in args if callable(a)), None)
        self.running = True
        try:
            if closure is not None:
                # The model is called within the step that is about to be taken: what was noted is of the step before.
                self.call = None
                with torch.enable_grad():
                    closure()
            self.step(optimizer)
        finally:
            self.running = False
        # The step itself calls a closure again.
        self.call, self.calls = None, -1 if closure is not None else 0

    def step(self, optimizer):
        if self.call is None:
            raise Refusal("The optimizer takes a step, but no model was called before it.")
        module, args, kwargs, output = self.call
        trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if not trained & {id(p) for p in module.parameters()}:
            return
        if self.export is not None and self.export.optimizer is not optimizer:
            return
        arguments = _call(module, args, kwargs)
        labels, loss = self.target(module, arguments, _main_output(output), output)
        if self.export is None:
            with self.paused():
                self.export = _Export(module, arguments, labels, loss, optimizer, self.folder, self.scheduler)
        self.calls_before.append(self.calls)
        self.counts.append(getattr(self.scheduler, "last_epoch", 0))
        if self.export.samples < self.samples:
            self.export.add(arguments, labels)
        # A second step tells whether the scheduler steps after each or after an epoch.
        if self.export.samples >= self.samples and (self.export.factors is None or len(self.counts) > 1):
            raise _Done

    @contextlib.contextmanager
    def paused(self):
        self.exporting = True
        try:
            with self.unwatched():
                yield
        finally:
            self.exporting = False

    def pace(self):
        """Optimizer steps for each step of the scheduler; None where that cannot be told from what was seen."""
        steps, turns = len(self.counts) - 1, self.counts[-1] - self.counts[0]
        if steps > 0 and turns >= steps:
            return 1
        batches = _epoch_length(self.loader)
        # The model may also have been called before the training; several calls before every step accumulate gradients.
        return -(-batches // max(1, min(self.calls_before))) if batches else None

    def target(self, module, arguments, tensor, output):
        """Labels in the shape of the model's output and the loss, as a name or as a part of the model."""
        labels = arguments.get("labels", arguments.get("label"))
        value = getattr(output, "loss", None)
        if isinstance(value, torch.Tensor):
            known = None if labels is None or _makes_inputs_of_labels(module) else _known(tensor, labels, value)
            return (known[1], known[0]) if known else (None, _own_loss)
        if self.smoother is not None and not _makes_inputs_of_labels(module):
            epsilon, ignored, target, shift = self.smoother
            target = _shifted(tensor, target, ignored) if shift else target
            return target, lambda result, y: _cross_entropy(_classes_second(result), y, None, ignored, epsilon)
        if self.losses.last is None:
            raise Refusal("No loss of torch.nn.functional was found. Add a line: optimizer_bias.export(model, loss, data, optimizer).")
        name, bound, _ = self.losses.last
        given, target = bound.pop("input"), bound.pop("target")
        rest = {k: v for k, v in bound.items() if not _is_plain(k, v)}
        aligned = _aligned(tensor, given, target)
        if aligned is None:
            raise Refusal(
                f"The loss {name} is taken of a tensor that is not the model's output ({tuple(given.shape)} against "
                f"{tuple(tensor.shape)}). Add a line: optimizer_bias.export(model, loss, data, optimizer), with a loss of (output, labels)."
            )
        if name in KNOWN_LOSSES and not rest:
            return aligned, KNOWN_LOSSES[name]
        function = _cross_entropy if name == "cross_entropy" else LOSS_FUNCTIONS[name]
        shape = given.shape[1:]
        if _same(tensor.detach(), given.detach()) or tensor.shape == given.shape:
            return aligned, lambda result, y: function(_main_output(result), y, **rest)
        return aligned, lambda result, y: function(_main_output(result).reshape(-1, *shape), y.reshape(-1), **rest)

    @contextlib.contextmanager
    def watching(self):
        from torch.nn.modules import module as modules
        from torch.optim.optimizer import register_optimizer_step_pre_hook

        clip, loader, schedulers = nn.utils.clip_grad_norm_, torch.utils.data.DataLoader.__iter__, torch.optim.lr_scheduler
        base = getattr(schedulers, "LRScheduler", None) or schedulers._LRScheduler
        initialise = base.__init__

        def clipped(parameters, max_norm, *args, **kwargs):
            self.clip = float(max_norm)
            return clip(parameters, max_norm, *args, **kwargs)

        def iterated(this):
            # The loader of the training is the one whose batches come before a step.
            if torch.is_grad_enabled():
                self.loader = this
            return loader(this)

        def scheduled(this, *args, **kwargs):
            initialise(this, *args, **kwargs)
            self.scheduler = this

        call = nn.Module.__call__

        def called(module, *args, **kwargs):
            self.before_call(module, args)
            try:
                output = call(module, *args, **kwargs)
            except BaseException:
                self.depth -= 1
                raise
            self.after_call(module, args, kwargs, output)
            return output

        @contextlib.contextmanager
        def unwatched():
            nn.Module.__call__ = call
            try:
                yield
            finally:
                nn.Module.__call__ = called

        hooks = [register_optimizer_step_pre_hook(self.before_step)]
        if "with_kwargs" in inspect.signature(modules.register_module_forward_hook).parameters:
            hooks += [
                modules.register_module_forward_pre_hook(self.before_call),
                modules.register_module_forward_hook(self.after_call, with_kwargs=True, always_call=True),
            ]
        else:  # PyTorch 2.5 has no hook for all modules that is told the keyword arguments
            nn.Module.__call__, self.unwatched = called, unwatched
        nn.utils.clip_grad_norm_ = nn.utils.clip_grad.clip_grad_norm_ = clipped
        torch.utils.data.DataLoader.__iter__ = iterated
        base.__init__ = scheduled
        try:
            with self.losses:
                yield
        finally:
            nn.utils.clip_grad_norm_ = nn.utils.clip_grad.clip_grad_norm_ = clip
            torch.utils.data.DataLoader.__iter__ = loader
            base.__init__ = initialise
            if self.restore_smoother:
                self.restore_smoother()
            nn.Module.__call__ = call
            for hook in hooks:
                hook.remove()

    def finish(self):
        if self.export is None or not self.export.batches:
            how = "" if self.code in (None, 0) else f" with exit code {self.code}" if isinstance(self.code, int) else f' with "{self.code}"'
            raise Refusal(f"{self.script.name} ended{how} without a step of an optimizer. Arguments that make it train belong into "
                          "ARGUMENTS of the export script, or after the script's name on the command line.")
        size = getattr(self.loader, "batch_size", None) or next(iter(self.export.batches[0].values())).shape[0]
        return self.export.write(source=self.script, batch_size=size, clip_norm=self.clip, total=_length(self.loader),
                                 drop_last=bool(getattr(self.loader, "drop_last", False)), pace=self.pace())


def _is_plain(key, value):
    return key in PLAIN_ARGUMENTS and (value is PLAIN_ARGUMENTS[key] or value == PLAIN_ARGUMENTS[key])


def _leave_no_config(script):
    """LightningCLI writes its configuration beside the script, and refuses to run where it finds that again."""
    if "LightningCLI" not in script.read_text(encoding="utf-8", errors="replace"):
        return
    for name in ("lightning.pytorch.cli", "pytorch_lightning.cli"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name).SaveConfigCallback.setup = lambda *args, **kwargs: None


def _report(refusal):
    """Tells whoever has started the export why there is none, beside the terminal."""
    path = os.environ.get("OPTIMIZER_BIAS_REPORT")
    if path:
        with contextlib.suppress(OSError):
            Path(path).write_text(str(refusal), encoding="utf-8")


def _reason(error, script):
    """Why a script ended before its first step, where, and what to do."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(script.parent)]
    # The innermost line that the user can change.
    own = [f for f in frames if not {"site-packages", "dist-packages"} & set(Path(f.filename).parts) and f.filename != __file__]
    where = f" ({os.path.relpath(own[-1].filename, script.parent)}, line {own[-1].lineno})" if own else ""
    text = f"{script.name} ended before its first step: {type(error).__name__}: {error}{where}."
    if isinstance(error, ModuleNotFoundError):
        return (f"{text} Choose the Python that your training uses, or install the package of {error.name}: "
                f"{sys.executable} -m pip install …")
    if isinstance(error, FileNotFoundError):
        return f"{text} Paths of the script start in {Path.cwd()}. Put the file there, or name another one in ARGUMENTS."
    if isinstance(error, (ImportError, SyntaxError)):
        return f"{text} Correct the import, or choose the Python that your training uses."
    return f"{text} The script must run by itself up to its first step: correct it, or give it other ARGUMENTS."


def export_script(script, arguments=(), directory=FOLDER, samples=SAMPLES):
    """Runs a training script until `samples` samples were seen, and exports what it trains; see the head of this file."""
    script = Path(script).resolve()
    missing = [name for name in ("torch", "onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        refusal = Refusal(f"{sys.executable} has no {' and no '.join(missing)}. Choose the Python that your training uses, or install "
                          f"what is missing: {sys.executable} -m pip install {' '.join(missing)}")
        _report(refusal)
        raise refusal
    os.environ.setdefault("WANDB_MODE", "disabled")
    watcher = _Watcher(script, directory, samples)
    before, path = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    try:
        _leave_no_config(script)
        with watcher.watching():
            try:
                runpy.run_path(str(script), run_name="__main__")
            except _Done:
                pass
            except SystemExit as leaving:
                watcher.code = leaving.code
        return watcher.finish()
    except Refusal as refusal:
        _report(refusal)
        raise
    except Exception as error:
        # The script's own failure: all of it first, then what to do.
        traceback.print_exc()
        sys.stderr.flush()
        refusal = Refusal(_reason(error, script))
        _report(refusal)
        raise refusal from error
    finally:
        sys.argv, sys.path[:] = before, path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=SAMPLES, help=f"samples to write (default {SAMPLES})")
    parser.add_argument("--directory", default=FOLDER, help=f"folder for model and data (default {FOLDER})")
    parser.add_argument("script", help="the training script, as it is")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own arguments")
    options = parser.parse_args()
    try:
        export_script(options.script, options.arguments, options.directory, options.samples)
    except Refusal as refusal:
        sys.exit(f"Cannot export: {refusal}")


if __name__ == "__main__":
    main()
