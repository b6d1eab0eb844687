"""Handwritten digits read by a fully connected network, in minibatches, with dropout and a falling step size.

wengert run examples/digits_mlp.py
"""

import argparse
from itertools import chain, islice, repeat

import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

BATCH = 64


def digits():
    """Training and test set of 8 by 8 images, each a data set of pixels in [0, 1] and labels."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, labels, test_size=0.2, random_state=0, stratify=labels)
    images, test_images = (torch.tensor(part, dtype=torch.float32) for part in parts[:2])
    labels, test_labels = (torch.tensor(part, dtype=torch.int64) for part in parts[2:])
    return TensorDataset(images, labels), TensorDataset(test_images, test_labels)


def run(torch, steps, seed, show=None):
    """Train for `steps` minibatches; return the losses, and hand network and test set to `show` if there is one."""
    torch.manual_seed(seed)
    train, test = digits()
    network = nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    batches = chain.from_iterable(repeat(DataLoader(train, batch_size=BATCH, shuffle=True)))
    losses = []
    for images, labels in tqdm(islice(batches, steps), desc="digits", unit="step", total=steps):
        optimizer.zero_grad()
        loss = criterion(network(images), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(network.eval(), test, losses)
    return losses


def picture(path, images, labels, readings, losses):
    """Draw the loss, how often each digit was taken for which, and the digits read wrongly."""
    figure = Figure(figsize=(11, 5.6), dpi=140, layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3, 1))
    curve, table = upper.subplots(1, 2, width_ratios=(1.5, 1))
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    curve.set(xlabel="step", ylabel="training loss", yscale="log")
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    counts = [[int(((labels == truth) & (readings == read)).sum()) for read in range(10)] for truth in range(10)]
    table.imshow(counts, cmap="Blues", norm="symlog")
    for truth, row in enumerate(counts):
        for read, count in enumerate(row):
            if count:
                table.text(read, truth, count, ha="center", va="center", color="white" if count > 5 else "black")
    table.set(xlabel="read as", ylabel="digit", xticks=range(10), yticks=range(10))
    wrong = (readings != labels).nonzero().flatten().tolist()
    for place, axes in enumerate(lower.subplots(1, 12)):
        axes.axis("off")
        if place < len(wrong):
            index = wrong[place]
            axes.imshow(images[index].reshape(8, 8).numpy(), cmap="gray_r")
            axes.set_title(f"{readings[index]}, is {labels[index]}", color="#c53030", fontsize=10)
    accuracy = 1 - len(wrong) / len(labels)
    figure.suptitle(f"Digits by a fully connected network: {accuracy:.1%} of {len(labels)} unseen", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, tell the accuracy, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="digits_mlp.png", help="picture to write")
    options = parser.parse_args()

    def show(network, test, losses):
        images, labels = test.tensors
        with torch.no_grad():
            readings = network(images).argmax(1)
        print(f"test accuracy {(readings == labels).float().mean().item():.2%}")
        picture(options.out, images, labels, readings, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
