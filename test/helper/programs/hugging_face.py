"""A causal language model of transformers, built from a configuration, with its loss inside."""

import torch
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel

from common import measure

torch.manual_seed(3)

config = GPT2Config(vocab_size=31, n_positions=8, n_embd=16, n_layer=1, n_head=2)
model = GPT2LMHeadModel(config).double()
tokens = torch.randint(0, 31, (12, 8))
rows = [{"input_ids": row, "labels": row} for row in tokens]
loader = DataLoader(rows, batch_size=4)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)

if __name__ == "__main__":
    model.eval()
    measure(model, model(input_ids=tokens, labels=tokens).loss)
    model.train()
    for batch in loader:
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
