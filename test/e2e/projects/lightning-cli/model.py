import lightning
import torch.nn.functional as F
from torch import nn


class Classifier(lightning.LightningModule):
    def __init__(self, width: int = 16, dropout: float = 0.2, classes: int = 3):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(8, width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes)
        )

    def forward(self, x):
        return self.network(x)

    def training_step(self, batch, _):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss
