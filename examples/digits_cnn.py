"""Handwritten digits read by a convolutional network whose training images are shifted at random.

wengert run examples/digits_cnn.py
"""

import argparse
from itertools import chain, islice, repeat

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

BATCH = 64


class Network(nn.Module):
    """Three convolutions with batch normalisation, two of them followed by pooling, and one linear layer."""

    def __init__(self, width=24):
        super().__init__()
        self.first = self.block(1, width)
        self.second = self.block(width, 2 * width)
        self.third = self.block(2 * width, 2 * width)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(2 * width * 4, 10)

    @staticmethod
    def block(inputs, outputs):
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, images):
        x = self.pool(self.second(self.first(images)))
        x = self.pool(self.third(x))
        return self.head(self.dropout(x.flatten(1)))


def digits():
    """Training and test set of images `(n, 1, 8, 8)` with pixels in [0, 1], each with its labels."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, labels, test_size=0.2, random_state=0, stratify=labels)
    images, test_images = (
        torch.tensor(part, dtype=torch.get_default_dtype()).reshape(-1, 1, 8, 8) for part in parts[:2]
    )
    labels, test_labels = (torch.tensor(part, dtype=torch.int64) for part in parts[2:])
    return TensorDataset(images, labels), TensorDataset(test_images, test_labels)


def shifted(images):
    """The images, all moved by the same random step of at most one pixel in each direction."""
    down, right = torch.randint(0, 3, (2,)).tolist()
    return F.pad(images, (1, 1, 1, 1))[:, :, down : down + 8, right : right + 8]


def run(torch, steps, seed, show=None):
    """Train for `steps` minibatches; return the losses, and hand network and test set to `show` if there is one."""
    torch.manual_seed(seed)
    train, test = digits()
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    batches = chain.from_iterable(repeat(DataLoader(train, batch_size=BATCH, shuffle=True, drop_last=True)))
    losses = []
    for images, labels in tqdm(islice(batches, steps), desc="digits", unit="step", total=steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(shifted(images)), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(network.eval(), test, losses)
    return losses


def picture(path, network, images, labels, readings, losses):
    """Draw the loss, and what the first layer sees in one image of each digit."""
    figure = Figure(figsize=(11, 6.4), dpi=140, layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.5))
    curve = upper.subplots()
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    curve.set(xlabel="step", ylabel="training loss", yscale="log")
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    chosen = [int((labels == digit).nonzero()[0, 0]) for digit in range(10)]
    with torch.no_grad():
        seen = network.first(images[chosen])
    strongest = seen.mean((0, 2, 3)).topk(5).indices.tolist()
    for row, line in enumerate(lower.subplots(6, 10)):
        for column, axes in enumerate(line):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            shown = images[chosen[column], 0] if row == 0 else seen[column, strongest[row - 1]]
            axes.imshow(shown.numpy(), cmap="gray_r" if row == 0 else "magma", interpolation="nearest")
            if row == 0:
                axes.set_title(int(readings[chosen[column]]), fontsize=11)
        line[0].set_ylabel("image" if row == 0 else f"filter {strongest[row - 1]}", rotation=0, ha="right", va="center")
    accuracy = (readings == labels).float().mean().item()
    figure.suptitle(f"Digits by a convolutional network: {accuracy:.1%} of {len(labels)} unseen", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, tell the accuracy, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="digits_cnn.png", help="picture to write")
    options = parser.parse_args()

    def show(network, test, losses):
        images, labels = test.tensors
        with torch.no_grad():
            readings = network(images).argmax(1)
        print(f"test accuracy {(readings == labels).float().mean().item():.2%}")
        picture(options.out, network, images, labels, readings, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
