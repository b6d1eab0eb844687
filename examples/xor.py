"""Exclusive or: the smallest function that no single layer can learn, by a network of seventeen weights.

wengert run examples/xor.py
"""

import argparse

import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
ANSWERS = [[0.0], [1.0], [1.0], [0.0]]


def run(torch, steps, seed, show=None):
    """Train for `steps` steps; return the losses, and hand the network to `show` if there is one."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    corners, answers = torch.tensor(CORNERS), torch.tensor(ANSWERS)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    losses = []
    for _ in tqdm(range(steps), desc="xor", unit="step"):
        optimizer.zero_grad()
        loss = criterion(network(corners), answers)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if show:
        show(network, losses)
    return losses


def probabilities(network, size=121):
    """What the network answers on a grid around the four corners, as an array `(size, size)`."""
    axis = torch.linspace(-0.4, 1.4, size)
    second, first = torch.meshgrid(axis, axis, indexing="ij")
    with torch.no_grad():
        return torch.sigmoid(network(torch.stack([first, second], dim=-1))).squeeze(-1).numpy()


def picture(path, network, losses):
    """Draw what the network answers in the plane, and how the loss fell."""
    figure = Figure(figsize=(9.6, 4.4), dpi=140, layout="constrained")
    plane, curve = figure.subplots(1, 2)
    field = probabilities(network)
    extent = (-0.4, 1.4, -0.4, 1.4)
    image = plane.imshow(field, origin="lower", extent=extent, cmap="RdBu_r", vmin=0, vmax=1, interpolation="bilinear")
    plane.contour(field, levels=[0.5], extent=extent, colors="white", linewidths=1.5)
    for (first, second), (answer,) in zip(CORNERS, ANSWERS):
        plane.text(first, second, f"{answer:.0f}", ha="center", va="center", color="white", fontsize=20, weight="bold")
    plane.set(title="what it answers", xlabel="first input", ylabel="second input", xticks=[0, 1], yticks=[0, 1])
    figure.colorbar(image, ax=plane, shrink=0.86, label="probability of 1")
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=2)
    curve.set(title="how it learned", xlabel="step", ylabel="loss", yscale="log")
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Exclusive or", fontsize=15, weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, print the four answers, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="xor.png", help="picture to write")
    options = parser.parse_args()

    def show(network, losses):
        answers = torch.sigmoid(network(torch.tensor(CORNERS))).squeeze(1).tolist()
        for corner, answer in zip(CORNERS, answers):
            print(f"{corner[0]:.0f} xor {corner[1]:.0f} = {answer:.3f}")
        picture(options.out, network, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
