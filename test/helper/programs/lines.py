"""A script with the helper's lines in it: `export` before the loop, `capture` inside it."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import measure

sys.path.insert(0, sys.argv[1])
import optimizer_bias  # noqa: E402

torch.manual_seed(4)
torch.set_default_dtype(torch.float64)

model = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Dropout(0.2), nn.Linear(8, 1))
x, y = torch.randn(40, 6), torch.randn(40, 1)
loader = DataLoader(TensorDataset(x, y), batch_size=8)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.8, 0.9), amsgrad=True)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
optimizer_bias.export(model, nn.MSELoss(), loader, optimizer, scheduler=scheduler, clip_norm=1.0, source=__file__)
assert model[2].training

step = 0
for batch, target in loader:
    model.eval()
    loss = F.mse_loss(model(batch), target)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    step += 1
    if step == 3:
        optimizer_bias.capture(step, model, optimizer, indices=[range(8 * i, 8 * i + 8) for i in range(5)])
        measure(model, F.mse_loss(model(x), y))
