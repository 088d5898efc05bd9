"""An LSTM that classifies sequences, with dropout, on a data set and a loader; the line `export` stands before the loop."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import measure

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


class Tagger(nn.Module):
    def __init__(self, vocabulary=20, width=8, classes=3):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True, num_layers=2, dropout=0.2)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embedding(tokens))
        return self.head(self.dropout(hidden[:, -1]))


model = Tagger()
tokens, labels = torch.randint(0, 20, (24, 5)), torch.randint(0, 3, (24,))
loader = DataLoader(TensorDataset(tokens, labels), batch_size=6)
optimizer = torch.optim.NAdam(model.parameters(), lr=2e-3, betas=(0.85, 0.95))

if __name__ == "__main__":
    model.eval()
    measure(model, F.cross_entropy(model(tokens), labels))
    model.train()
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
