"""The demonstration's picture: how the loss fell, and what the network reads in digits it never saw."""

from pathlib import Path
from typing import Any

COLUMNS = 10
INK, PALE, BLUE, GREEN, RED = "#1f2933", "#9aa5b1", "#2563a8", "#2f855a", "#c53030"


def draw(
    path: Path, digits: Any, predictions: Any, losses: list[float], accuracies: list[float], seconds: float
) -> Path:
    """Draw the loss, the test accuracy and two rows of test digits into `path`; return where it lies.

    The first rows show each digit once and then those that were read wrongly, marked in red.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with pyplot.rc_context({"font.size": 11, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": PALE}):
        figure = pyplot.figure(figsize=(10, 6.6), dpi=150, facecolor="white")
        rows = figure.add_gridspec(
            2, 1, height_ratios=(3.2, 2.1), hspace=0.32, left=0.09, right=0.91, top=0.85, bottom=0.03
        )
        grid = rows[1].subgridspec(2, COLUMNS, hspace=0.3, wspace=0.2)
        figure.text(0.09, 0.94, "Handwritten digits, learned on a tape", fontsize=18, fontweight="bold")
        summary = f"{accuracies[-1]:.1%} of {len(predictions)} unseen digits read correctly"
        figure.text(0.09, 0.893, f"{summary} after {len(losses):,} steps in {seconds:.1f} s", fontsize=12)
        draw_curves(figure.add_subplot(rows[0]), losses, accuracies)
        for place, index in enumerate(chosen_digits(digits.test_labels, predictions)):
            axes = figure.add_subplot(grid[place // COLUMNS, place % COLUMNS])
            draw_digit(axes, digits.test_images[index], int(digits.test_labels[index]), int(predictions[index]))
        figure.savefig(path)
        pyplot.close(figure)
    return path.resolve()


def draw_curves(axes: Any, losses: list[float], accuracies: list[float]) -> None:
    """Loss of every batch (pale), its running mean, and on the right scale the accuracy after each epoch."""
    steps_per_epoch = len(losses) / len(accuracies)
    epochs = [(step + 1) / steps_per_epoch for step in range(len(losses))]
    smooth = running_mean(losses)
    axes.plot(epochs, losses, color=BLUE, alpha=0.22, linewidth=0.8)
    axes.plot(epochs, smooth, color=BLUE, linewidth=2)
    axes.set(xlabel="epoch", yscale="log", xlim=(0, len(accuracies)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_ylabel("training loss", color=BLUE)
    axes.grid(axis="y", which="major", color=PALE, alpha=0.3)
    right = axes.twinx()
    right.plot(range(1, len(accuracies) + 1), accuracies, color=GREEN, linewidth=2)
    right.set_ylabel("test accuracy", color=GREEN)
    right.set_ylim(0.9, 1.0)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    for frame in (axes, right):
        frame.spines["top"].set_visible(False)
        frame.tick_params(color=PALE)


def running_mean(values: list[float], reach: int = 11) -> list[float]:
    """Mean of each value and its neighbours up to `reach` steps away on both sides."""
    windows = (values[max(0, place - reach) : place + reach + 1] for place in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def chosen_digits(labels: Any, predictions: Any) -> list[int]:
    """Twenty test images: 0 to 9 read correctly, then those read wrongly, then further ones."""
    right = [int(((labels == digit) & (predictions == labels)).argmax()) for digit in range(10)]
    wrong = [int(index) for index in (labels != predictions).nonzero()[0]]
    others = [index for index in range(len(labels)) if index not in right and index not in wrong]
    return (right + wrong + others)[: 2 * COLUMNS]


def draw_digit(axes: Any, image: Any, label: int, prediction: int) -> None:
    """One digit under what was read in it: green if right, red with the truth beside it if wrong."""
    correct = label == prediction
    axes.imshow(image.reshape(8, 8), cmap="gray_r", interpolation="nearest")
    title = f"{prediction}" if correct else f"{prediction}, is {label}"
    axes.set_title(title, fontsize=12, fontweight="bold", color=GREEN if correct else RED, pad=4)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color=PALE if correct else RED, linewidth=0.8 if correct else 2.2)
