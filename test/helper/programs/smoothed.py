"""A language model of transformers whose Trainer smooths the labels outside of the model."""

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from common import measure

torch.manual_seed(10)
config = GPT2Config(vocab_size=31, n_positions=8, n_embd=16, n_layer=1, n_head=2)
model = GPT2LMHeadModel(config)
tokens = torch.randint(0, 31, (8, 8))
rows = [{"input_ids": row, "labels": row} for row in tokens]

if __name__ == "__main__":
    model.eval()
    logits = model(input_ids=tokens).logits[:, :-1].reshape(-1, 31)
    measure(model, F.cross_entropy(logits, tokens[:, 1:].reshape(-1), label_smoothing=0.1))
    model.train()
    arguments = TrainingArguments("out", per_device_train_batch_size=4, num_train_epochs=1, learning_rate=3e-4, report_to=[],
                                  save_strategy="no", use_cpu=True, seed=0, label_smoothing_factor=0.1, lr_scheduler_type="constant")
    Trainer(model, arguments, train_dataset=rows).train()
