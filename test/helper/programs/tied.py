"""A small language model with tied weights, parameter groups, warm-up and clipping."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import measure

torch.manual_seed(1)


class Language(nn.Module):
    def __init__(self, vocabulary=17, width=12, length=6):
        super().__init__()
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(length, width)
        self.layer = nn.TransformerEncoderLayer(width, 3, 24, dropout=0.1, activation="gelu", batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.token.weight

    def forward(self, tokens):
        length = tokens.shape[1]
        mask = torch.triu(torch.full((length, length), float("-inf")), 1)
        hidden = self.token(tokens) + self.position(torch.arange(length))
        return self.head(self.norm(self.layer(hidden, src_mask=mask)))


model = Language()
text = torch.randint(0, 17, (16, 7))
loader = DataLoader(TensorDataset(text[:, :-1], text[:, 1:]), batch_size=4, drop_last=True)
decay = [p for p in model.parameters() if p.dim() > 1]
rest = [p for p in model.parameters() if p.dim() <= 1]
groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95))
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))

if __name__ == "__main__":
    model.eval()
    logits = model(text[:, :-1])
    measure(model, F.cross_entropy(logits.reshape(-1, 17), text[:, 1:].reshape(-1)))
    model.train()
    for x, y in loader:
        logits = model(x)
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        scheduler.step()
