"""A convolutional network with BatchNorm whose first layer is frozen; the loss smooths its labels, which no option names."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import measure

torch.manual_seed(2)
torch.set_default_dtype(torch.float64)

model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1),
    nn.BatchNorm2d(4),
    nn.ReLU(),
    nn.Conv2d(4, 4, 3, padding=1),
    nn.BatchNorm2d(4),
    nn.Tanh(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(4, 5),
)
model[0].requires_grad_(False)
images, labels = torch.randn(20, 1, 6, 6), torch.randint(0, 5, (20,))
loader = DataLoader(TensorDataset(images, labels), batch_size=20)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05, momentum=0.9, nesterov=True)

if __name__ == "__main__":
    measure(model, criterion(model(images), labels))
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
