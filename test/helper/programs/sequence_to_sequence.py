"""An encoder-decoder of transformers, whose decoder's inputs come from the labels."""

import torch
from torch.utils.data import DataLoader
from transformers import T5Config, T5ForConditionalGeneration

from common import measure

torch.manual_seed(9)
config = T5Config(vocab_size=30, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_decoder_layers=1, num_heads=2,
                  decoder_start_token_id=0, pad_token_id=0)
model = T5ForConditionalGeneration(config)
tokens, targets = torch.randint(1, 30, (8, 5)), torch.randint(1, 30, (8, 4))
rows = [{"input_ids": t, "labels": y} for t, y in zip(tokens, targets)]
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

if __name__ == "__main__":
    model.eval()
    measure(model, model(input_ids=tokens, labels=targets).loss)
    model.train()
    for batch in DataLoader(rows, batch_size=4):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
