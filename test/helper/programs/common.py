"""What the training programs of this folder share: each trains a few steps and writes what PyTorch measured into expected.json."""

import json
import os

import torch


def train(model, loss, batches, optimizer, scheduler=None, clip_norm=None):
    """Takes one step per batch; `loss` is of the model and the batch. Dropout is off, so that the numbers can be compared."""
    model.eval()
    losses = []
    for batch in batches:
        value = loss(model, batch)
        optimizer.zero_grad()
        value.backward()
        if clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        if scheduler:
            scheduler.step()
        losses.append(value.item())
    return losses


def measure(model, value, path="expected.json", **more):
    """Writes loss and one-norm of the gradient at the model's present state."""
    gradients = torch.autograd.grad(value, [p for p in model.parameters() if p.requires_grad])
    norm = sum(g.abs().sum().item() for g in gradients)
    if "OPTIMIZER_BIAS_EXPECTED" in os.environ:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"loss": value.item(), "gradientNorm1": norm, **more}, file)
