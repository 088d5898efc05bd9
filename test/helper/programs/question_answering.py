"""A model of transformers whose own loss is the mean of two cross-entropies, of the answer's start and end."""

import torch
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForQuestionAnswering

from common import measure

torch.manual_seed(8)
config = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=12, hidden_dropout_prob=0.1)
model = BertForQuestionAnswering(config)
tokens, starts, ends = torch.randint(1, 40, (12, 6)), torch.randint(0, 6, (12,)), torch.randint(0, 6, (12,))
rows = [{"input_ids": t, "start_positions": a, "end_positions": b} for t, a, b in zip(tokens, starts, ends)]
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

if __name__ == "__main__":
    model.eval()
    measure(model, model(input_ids=tokens, start_positions=starts, end_positions=ends).loss)
    model.train()
    for batch in DataLoader(rows, batch_size=4):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
