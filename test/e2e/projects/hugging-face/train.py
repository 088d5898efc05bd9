"""Fine-tunes a classifier of sentences; `python train.py config.yaml`."""

import sys
from dataclasses import dataclass, field

import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    set_seed,
)


@dataclass
class ModelArguments:
    hidden_size: int = field(default=32)
    layers: int = field(default=2)
    dropout: float = field(default=0.1)
    classes: int = field(default=3)


@dataclass
class DataArguments:
    samples: int = field(default=600)
    length: int = field(default=12)
    vocabulary: int = field(default=50)


class Sentences(Dataset):
    """Sentences of random words; the class is told by the first one."""

    def __init__(self, arguments: DataArguments, classes: int):
        generator = torch.Generator().manual_seed(1)
        self.tokens = torch.randint(1, arguments.vocabulary, (arguments.samples, arguments.length), generator=generator)
        self.labels = self.tokens[:, 0] % classes

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"input_ids": self.tokens[i], "attention_mask": torch.ones_like(self.tokens[i]), "labels": self.labels[i]}


def main():
    parser = HfArgumentParser((ModelArguments, DataArguments, TrainingArguments))
    if len(sys.argv) == 2 and sys.argv[1].endswith((".yaml", ".yml")):
        model_arguments, data_arguments, training = parser.parse_yaml_file(sys.argv[1])
    elif len(sys.argv) == 2 and sys.argv[1].endswith(".json"):
        model_arguments, data_arguments, training = parser.parse_json_file(sys.argv[1])
    else:
        model_arguments, data_arguments, training = parser.parse_args_into_dataclasses()
    set_seed(training.seed)
    config = BertConfig(
        vocab_size=data_arguments.vocabulary,
        hidden_size=model_arguments.hidden_size,
        num_hidden_layers=model_arguments.layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=data_arguments.length,
        hidden_dropout_prob=model_arguments.dropout,
        attention_probs_dropout_prob=model_arguments.dropout,
        num_labels=model_arguments.classes,
    )
    model = BertForSequenceClassification(config)
    trainer = Trainer(model=model, args=training, train_dataset=Sentences(data_arguments, model_arguments.classes))
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
