import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset


class PointsModule(lightning.LightningDataModule):
    def __init__(self, batch_size: int = 8, samples: int = 480):
        super().__init__()
        self.batch_size, self.samples = batch_size, samples

    def setup(self, stage):
        generator = torch.Generator().manual_seed(2)
        x = torch.randn(self.samples, 8, generator=generator)
        self.train = TensorDataset(x, x[:, :3].argmax(1))

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True)
