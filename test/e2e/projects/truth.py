"""What a training script really trains with: `python truth.py DATA.npz CLIP BATCH script.py [arguments]`.

Runs the script as it is up to its first optimizer step. From there it goes once through the batches of DATA with the script's own
model, optimizer and scheduler, with dropout off, and prints as JSON the settings, and loss and learning rate before each step and
after the last.
"""

import gc
import json
import os
import runpy
import sys

import numpy
import torch
import torch.nn.functional as F
from torch.optim.optimizer import register_optimizer_step_pre_hook

data, clip, batch, script, *arguments = sys.argv[1:]


class Reached(BaseException):
    pass


def stop(optimizer, args, kwargs):
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    living = gc.get_objects()
    modules = [m for m in living if isinstance(m, torch.nn.Module) and trained == {id(p) for p in m.parameters()}]
    schedulers = [s for s in living if isinstance(s, torch.optim.lr_scheduler.LRScheduler)]
    # Accelerate wraps the optimizer that its scheduler knows.
    scheduler = next(s for s in schedulers if getattr(s.optimizer, "optimizer", s.optimizer) is optimizer)
    # The model is the innermost of the modules that have just these parameters.
    raise Reached(optimizer, min(modules, key=lambda m: len(list(m.modules()))), scheduler)


hook = register_optimizer_step_pre_hook(stop)
sys.argv = [script, *arguments]
sys.path[0] = os.path.dirname(os.path.abspath(script))
output = os.dup(1)
os.dup2(2, 1)
try:
    runpy.run_path(script, run_name="__main__")
except Reached as reached:
    optimizer, model, scheduler = reached.args
hook.remove()
names = {id(p): name for name, p in model.named_parameters()}
groups = [
    {"names": sorted(names[id(p)] for p in group["params"]),
     **{key: group[key] for key in ("betas", "eps", "weight_decay")}, "lr": group.get("initial_lr", group["lr"])}
    for group in optimizer.param_groups
]
arrays = numpy.load(data)
inputs = {key: torch.from_numpy(arrays[key]) for key in arrays.files if key != "y"}
labels = torch.from_numpy(arrays["y"])
model.eval()
path = []


def loss(rows):
    given = {key: value[rows] for key, value in inputs.items()}
    result = model(**given) if len(given) > 1 else model(*given.values())
    logits = getattr(result, "logits", result)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[rows].reshape(-1))


def seen():
    return {"loss": loss(slice(None)).item(), "lr": optimizer.param_groups[0]["lr"]}


for step in range(len(labels) // int(batch)):
    path.append(seen())
    optimizer.zero_grad()
    loss(slice(step * int(batch), (step + 1) * int(batch))).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), float(clip))
    optimizer.step()
    # One that steps once an epoch of the script does not step here.
    if not isinstance(scheduler, torch.optim.lr_scheduler.ExponentialLR):
        scheduler.step()
path.append(seen())
os.write(output, json.dumps({"groups": groups, "path": path}).encode())
