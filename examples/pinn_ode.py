"""A network solves Blasius' equation 2 f''' + f f'' = 0 of the flow along a plate, from its derivatives alone.

The conditions are f(0) = f'(0) = 0 and f'(∞) = 1; the slope of the speed at the plate, f''(0), is 0.33206 (Howarth,
Proc. R. Soc. A 164, 1938). Training differentiates a third derivative once more.

    wengert run examples/pinn_ode.py
"""

import argparse

import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

FAR, POINTS, KNOWN = 8.0, 96, 0.33206


class Flow(nn.Module):
    """f(x) = x - 1 + exp(-x) + x² / (1 + x²) n(x), which meets the conditions at 0 whatever the network n answers."""

    def __init__(self, width=24):
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, x):
        return x - 1 + torch.exp(-x) + x**2 / (1 + x**2) * self.network(x / FAR * 2 - 1)


def derivatives(f, x, order):
    """f(x) and its derivatives up to `order`, each of which can be differentiated again."""
    found = [f(x)]
    for _ in range(order):
        found += torch.autograd.grad(found[-1].sum(), x, create_graph=True)
    return found


def run(torch, steps, seed, show=None):
    """Train for `steps` steps; return the losses, and hand the solution to `show` if there is one."""
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        flow = Flow()
        x = torch.linspace(0, FAR, POINTS).reshape(-1, 1).requires_grad_()
        optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
        losses = []
        for _ in tqdm(range(steps), desc="blasius", unit="step"):
            optimizer.zero_grad()
            f, first, second, third = derivatives(flow, x, 3)
            loss = (2 * third + f * second).square().mean() + (first[-1] - 1).square().sum()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if show:
            show(flow, x, losses)
    finally:
        torch.set_default_dtype(before)
    return losses


def picture(path, flow, x, losses):
    """Draw the solution with its derivatives, and how the residual fell."""
    figure = Figure(figsize=(11, 4.6), dpi=140, layout="constrained")
    solution, curve = figure.subplots(1, 2, width_ratios=(1.3, 1))
    colours = ("#9aa5b1", "#2563a8", "#c53030", "#2f855a")
    names = ("f: stream function", "f′: speed along the plate", "f″: shear", "f‴")
    for values, colour, name in zip(derivatives(flow, x, 3), colours, names):
        solution.plot(x.detach().numpy(), values.detach().numpy(), color=colour, linewidth=2, label=name)
    solution.plot([0], [KNOWN], "o", color="#c53030", markersize=8, label="Howarth 1938: f″(0) = 0.33206")
    solution.set(xlabel="distance from the plate (scaled)", ylim=(-0.2, 1.6), title="laminar flow along a plate")
    solution.legend(frameon=False, fontsize=9, loc="upper left")
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    curve.set(xlabel="step", ylabel="mean squared residual", yscale="log", title="how it learned")
    for axes in (solution, curve):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Blasius' equation solved by a network", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, compare f''(0) with the literature, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="pinn_ode.png", help="picture to write")
    options = parser.parse_args()

    def show(flow, x, losses):
        print(f"f''(0) = {derivatives(flow, x, 2)[2][0].item():.5f}, known {KNOWN}")
        picture(options.out, flow, x, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.3g}, picture in {options.out}")


if __name__ == "__main__":
    main()
