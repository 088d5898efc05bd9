"""A loop that takes a step after every other batch, and a step of its schedule after every epoch."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import measure

torch.manual_seed(6)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
x, y = torch.randn(40, 4), torch.randint(0, 3, (40,))
loader = DataLoader(TensorDataset(x, y), batch_size=5)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.1)

if __name__ == "__main__":
    # Of each step its last batch is seen.
    seen = torch.arange(40).reshape(8, 5)[1::2].flatten()
    measure(model, F.cross_entropy(model(x[seen]), y[seen]))
    for epoch in range(3):
        for i, (inputs, labels) in enumerate(loader):
            (F.cross_entropy(model(inputs), labels) / 2).backward()
            if i % 2:
                optimizer.step()
                optimizer.zero_grad()
        scheduler.step()
