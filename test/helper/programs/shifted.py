"""A causal language model whose script shifts logits and labels itself."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from common import measure

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)

model = nn.Sequential(nn.Embedding(17, 6), nn.Linear(6, 17))
tokens = torch.randint(0, 17, (8, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_of(batch):
    return F.cross_entropy(model(batch)[:, :-1].reshape(-1, 17), batch[:, 1:].reshape(-1))


if __name__ == "__main__":
    measure(model, loss_of(tokens))
    for batch in DataLoader(tokens, batch_size=4):
        loss = loss_of(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
