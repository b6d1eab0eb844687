"""A variational autoencoder that lays handwritten digits out on a plane, and draws new ones from it.

wengert run examples/vae_digits.py
"""

import argparse
from itertools import chain, islice, repeat

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

BATCH, SIDE = 128, 14


class Autoencoder(nn.Module):
    """Images `(n, 64)` to a normal distribution on the plane, and points `(n, 2)` to logits of pixels `(n, 64)`."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))

    def forward(self, images):
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        points = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self.decoder(points), mean, log_variance


def bound(images, logits, mean, log_variance):
    """Negative evidence lower bound of an image: what its pixels cost, and how far its point is from the prior."""
    pixels = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return (pixels + 0.5 * divergence) / len(images)


def run(torch, steps, seed, show=None):
    """Train for `steps` minibatches; return the losses, and hand model, images and labels to `show` if there is one."""
    torch.manual_seed(seed)
    images, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(images / 16).float()
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    batches = chain.from_iterable(repeat(DataLoader(TensorDataset(images), batch_size=BATCH, shuffle=True)))
    losses = []
    for (batch,) in tqdm(islice(batches, steps), desc="vae", unit="step", total=steps):
        optimizer.zero_grad()
        loss = bound(batch, *model(batch))
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(model, images, labels, losses)
    return losses


def sheet(model):
    """Images drawn from a grid on the plane whose points are equally likely, as one array `(10 SIDE, 10 SIDE)`."""
    quantiles = torch.special.ndtri(torch.linspace(0.03, 0.97, SIDE))
    across, down = torch.meshgrid(quantiles, quantiles.flip(0), indexing="xy")
    with torch.no_grad():
        pixels = torch.sigmoid(model.decoder(torch.stack([across, down], dim=-1)))
    images = F.pad(pixels.reshape(SIDE, SIDE, 8, 8), (1, 1, 1, 1))
    return images.transpose(1, 2).reshape(10 * SIDE, 10 * SIDE).numpy()


def picture(path, model, images, labels, losses):
    """Draw the digits drawn from the plane, where the real ones lie in it, and how the loss fell."""
    figure = Figure(figsize=(13, 5), dpi=140, layout="constrained")
    drawn, plane, curve = figure.subplots(1, 3)
    drawn.imshow(sheet(model), cmap="gray_r", interpolation="bicubic")
    drawn.set(title="digits that nobody wrote", xticks=[], yticks=[])
    with torch.no_grad():
        places = model.encoder(images)[:, :2].numpy()
    dots = plane.scatter(places[:, 0], places[:, 1], c=labels, cmap="tab10", vmin=-0.5, vmax=9.5, s=7, alpha=0.8)
    plane.set(title="where the real ones lie", aspect="equal", xlim=(-4, 4), ylim=(-4, 4))
    figure.colorbar(dots, ax=plane, ticks=range(10), shrink=0.75)
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    curve.set(title="how it learned", xlabel="step", ylabel="negative bound (nats)", yscale="log")
    curve.grid(alpha=0.3, which="both")
    curve.set_box_aspect(1)
    for axes in (plane, curve):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("A variational autoencoder of handwritten digits", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="vae_digits.png", help="picture to write")
    options = parser.parse_args()
    losses = run(torch, options.steps, options.seed, lambda *results: picture(options.out, *results))
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
