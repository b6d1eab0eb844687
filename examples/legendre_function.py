"""A custom `Function` of all Legendre polynomials up to a degree, whose weights are fitted to a kinked curve.

Forward is Bonnet's recurrence, backward that of the derivatives, and `gradcheck` compares the two.

    wengert run examples/legendre_function.py
"""

import argparse

import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

DEGREE, POINTS, SHOWN = 24, 400, (2, 6, 12, 24)


class Legendre(torch.autograd.Function):
    """P₀(x) to P_n(x): `(...)` to `(..., n + 1)`, for n of at least 1."""

    @staticmethod
    def forward(ctx, x, degree):
        values = [torch.ones_like(x), x]
        for n in range(1, degree):
            values.append(((2 * n + 1) * x * values[n] - n * values[n - 1]) / (n + 1))
        result = torch.stack(values, dim=-1)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, gradient):
        (values,) = ctx.saved_tensors
        slopes = [torch.zeros_like(values[..., 0]), torch.ones_like(values[..., 0])]
        for n in range(1, values.shape[-1] - 1):
            slopes.append(slopes[n - 1] + (2 * n + 1) * values[..., n])
        return (gradient * torch.stack(slopes, dim=-1)).sum(-1), None


class Series(nn.Module):
    """Sum of weighted Legendre polynomials of tanh(stretch · x)."""

    def __init__(self, degree):
        super().__init__()
        self.degree = degree
        self.stretch = nn.Parameter(torch.tensor(0.5))
        self.weights = nn.Parameter(torch.zeros(degree + 1))

    def polynomials(self, x):
        return Legendre.apply(torch.tanh(self.stretch * x), self.degree)

    def forward(self, x):
        return self.polynomials(x) @ self.weights


def target(x):
    """A triangle wave beside a fading oscillation."""
    return torch.where(x < 0, 1 - 2 * (x + 1).abs(), torch.exp(-x) * torch.cos(8 * x) - 2 * torch.exp(-6 * x))


def run(torch, steps, seed, show=None):
    """Fit for `steps` steps; return the losses, and hand the series to `show` if there is one."""
    torch.manual_seed(seed)
    series = Series(DEGREE)
    x = torch.linspace(-2, 2, POINTS)
    wanted = target(x)
    optimizer = torch.optim.Adam(series.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for _ in tqdm(range(steps), desc="legendre", unit="step"):
        optimizer.zero_grad()
        loss = (series(x) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(series, x, losses)
    return losses


def picture(path, series, x, losses):
    """Draw the curve with its series, the polynomials, and how the loss fell."""
    figure = Figure(figsize=(13, 4.4), dpi=140, layout="constrained")
    fit, basis, curve = figure.subplots(1, 3)
    with torch.no_grad():
        polynomials, places = series.polynomials(x).numpy(), x.numpy()
    fit.plot(places, target(x).numpy(), color="#1f2933", linewidth=4, alpha=0.25, label="wanted")
    for shade, degree in zip((0.25, 0.5, 0.75, 1.0), SHOWN):
        partial = polynomials[:, : degree + 1] @ series.weights[: degree + 1].detach().numpy()
        fit.plot(places, partial, color=(0.77, 0.19, 0.19, shade), linewidth=0.8 + shade, label=f"up to P{degree}")
    fit.set(title="the sum", xlabel="x", ylim=(-1.5, 1.8))
    fit.legend(frameon=False, fontsize=9)
    for degree in range(7):
        basis.plot(places, polynomials[:, degree], linewidth=1.6, color=f"C{degree}", label=f"P{degree}")
    basis.set(ylim=(-1.1, 1.1), title=f"the polynomials of tanh({series.stretch.item():.2f} x)", xlabel="x")
    basis.legend(frameon=False, fontsize=8, loc="lower right", ncols=4)
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1.5)
    curve.set(title="how it learned", xlabel="step", ylabel="mean squared error", yscale="log")
    for axes in (fit, basis, curve):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Legendre polynomials as a custom Function", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, check the derivative, fit, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="legendre_function.png", help="picture to write")
    options = parser.parse_args()
    points = torch.linspace(-0.9, 0.9, 7, dtype=torch.float64, requires_grad=True)
    print("gradcheck", torch.autograd.gradcheck(lambda x: Legendre.apply(x, 8), points))
    losses = run(torch, options.steps, options.seed, lambda *results: picture(options.out, *results))
    print(f"loss {losses[-1]:.3g}, picture in {options.out}")


if __name__ == "__main__":
    main()
