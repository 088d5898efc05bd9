"""A classifier of transformers, trained by its Trainer with warm-up and weight decay."""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from common import measure

torch.manual_seed(6)
config = BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=12, num_labels=3)
model = BertForSequenceClassification(config)
tokens, labels = torch.randint(1, 40, (16, 6)), torch.randint(0, 3, (16,))
rows = [{"input_ids": t, "attention_mask": torch.ones(6, dtype=torch.long), "labels": y} for t, y in zip(tokens, labels)]

if __name__ == "__main__":
    model.eval()
    measure(model, model(input_ids=tokens, labels=labels).loss)
    model.train()
    arguments = TrainingArguments("out", per_device_train_batch_size=4, num_train_epochs=1, learning_rate=3e-4, weight_decay=0.02,
                                  warmup_steps=2, report_to=[], save_strategy="no", use_cpu=True, seed=0, adam_beta2=0.98)
    Trainer(model, arguments, train_dataset=rows).train()
