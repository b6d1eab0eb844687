"""A Wasserstein GAN learns two moons; its critic is kept smooth by a penalty on its gradient.

The penalty's own gradient is a derivative of a derivative: `create_graph=True`.

    wengert run examples/gradient_penalty.py
"""

import argparse

import torch
from matplotlib.figure import Figure
from sklearn.datasets import make_moons
from torch import nn
from tqdm import tqdm

BATCH, NOISE, PENALTY, CRITIC_STEPS = 256, 4, 0.5, 3


def network(inputs, outputs, width=64):
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, outputs)
    )


def gradient_penalty(critic, real, made):
    """Mean of (|slope| - 1)² of the critic at random points between real and made ones."""
    weight = torch.rand(len(real), 1)
    between = (weight * real + (1 - weight) * made).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).square().mean()


def critic_loss(critic, generator, data):
    """How far the critic is from telling real points and made ones apart, and from slope one."""
    real = data[torch.randint(0, len(data), (BATCH,))]
    with torch.no_grad():
        made = generator(torch.randn(BATCH, NOISE))
    return critic(made).mean() - critic(real).mean() + PENALTY * gradient_penalty(critic, real, made)


def run(torch, steps, seed, show=None):
    """Train for `steps` steps of the generator; return the critic's losses, and hand all to `show` if there is one."""
    torch.manual_seed(seed)
    points, _ = make_moons(4000, noise=0.05, random_state=0)
    data = torch.tensor((points - points.mean(0)) / points.std(), dtype=torch.float32)
    critic, generator = network(2, 1), network(NOISE, 2)
    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    losses = []
    for _ in tqdm(range(steps), desc="moons", unit="step"):
        for _ in range(CRITIC_STEPS):
            critic_optimizer.zero_grad()
            loss = critic_loss(critic, generator, data)
            loss.backward()
            critic_optimizer.step()
        generator_optimizer.zero_grad()
        (-critic(generator(torch.randn(BATCH, NOISE))).mean()).backward()
        generator_optimizer.step()
        losses.append(loss.item())
    if show:
        show(critic, generator, data, losses)
    return losses


def picture(path, critic, generator, data, losses):
    """Draw the critic's judgement as a landscape with real and made points, and its loss."""
    figure = Figure(figsize=(13, 4.6), dpi=140, layout="constrained")
    real, made, curve = figure.subplots(1, 3)
    across, up = torch.meshgrid(torch.linspace(-2.4, 2.4, 120), torch.linspace(-1.8, 1.8, 90), indexing="xy")
    with torch.no_grad():
        heights = critic(torch.stack([across, up], dim=-1)).squeeze(-1).numpy()
        fakes = generator(torch.randn(2000, NOISE)).numpy()
    middle, reach = heights[20:70, 20:100].mean(), 3 * heights[20:70, 20:100].std()
    levels = torch.linspace(middle - reach, middle + reach, 25).tolist()
    for axes, points, title in ((real, data[:2000].numpy(), "real points"), (made, fakes, "made from noise")):
        axes.contourf(across.numpy(), up.numpy(), heights, levels=levels, cmap="PuOr", alpha=0.75, extend="both")
        axes.scatter(points[:, 0], points[:, 1], s=3, color="#1f2933", alpha=0.5, linewidths=0)
        axes.set(title=title, xlim=(-2.4, 2.4), ylim=(-1.8, 1.8), xticks=[], yticks=[], aspect="equal")
    curve.plot(range(1, len(losses) + 1), [-loss for loss in losses], color="#2563a8", linewidth=0.8)
    curve.set(title="estimated distance", xlabel="step", ylabel="minus the critic's loss", ylim=(-0.3, 1))
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Two moons by a Wasserstein GAN with gradient penalty; colour: the critic's opinion", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="gradient_penalty.png", help="picture to write")
    options = parser.parse_args()
    losses = run(torch, options.steps, options.seed, lambda *results: picture(options.out, *results))
    print(f"critic's loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
