"""`python main.py fit --config configs/fit.yaml`"""

from lightning.pytorch.cli import LightningCLI

from data import PointsModule
from model import Classifier

if __name__ == "__main__":
    LightningCLI(Classifier, PointsModule)
