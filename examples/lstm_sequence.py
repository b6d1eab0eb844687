"""An LSTM reads a name of Python's standard library, in small letters, and says what kind of thing it names.

wengert run examples/lstm_sequence.py
"""

import argparse
import ast
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from tqdm import tqdm

KINDS = ("function", "class", "constant")
LETTERS = "_abcdefghijklmnopqrstuvwxyz0123456789"
BATCH = 64
FOLDERS = ("", "asyncio", "concurrent/futures", "email", "http", "importlib", "json", "logging", "multiprocessing")
SHOWN = ("namedtuple", "abstractmethod", "socketserver", "get_running_loop", "max_retries", "sig_block", "treebuilder")


class Reader(nn.Module):
    """Letters in, scores of the kinds after every letter out: packed sequences to `(n, longest, 3)`."""

    def __init__(self, width=48):
        super().__init__()
        self.letter = nn.Embedding(len(LETTERS) + 1, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, width, batch_first=True)
        self.head = nn.Linear(width, len(KINDS))

    def forward(self, names, lengths):
        packed = pack_padded_sequence(self.letter(names), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.head(states)


def named(tree):
    """Pairs of a name and its kind that the module `tree` binds at its top or in the body of a class."""
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, 0
        elif isinstance(node, ast.ClassDef):
            yield node.name, 1
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            yield from ((name, 2) for name in names if name.isupper())


def vocabulary():
    """The names of the standard library with their kinds, alike in number, as lists of letters' places and kinds."""
    root = Path(json.__file__).parents[1]
    kinds = {}
    for file in sorted(file for folder in FOLDERS for file in (root / folder).glob("*.py")):
        for name, kind in named(ast.parse(file.read_text(encoding="utf-8"))):
            name = name.strip("_").lower()
            if 3 <= len(name) <= 24 and set(name) <= set(LETTERS) and name not in SHOWN:
                kinds.setdefault(name, kind)
    groups = [sorted(name for name, kind in kinds.items() if kind == wanted) for wanted in range(len(KINDS))]
    return [(encoded(name), kind) for kind, group in enumerate(groups) for name in group]


def encoded(name):
    """Places of the letters of `name`, from 1: 0 is what fills a batch."""
    return torch.tensor([LETTERS.index(letter) + 1 for letter in name])


def batch_of(pairs):
    """Names `(n, longest)` filled up with 0, their lengths, their kinds."""
    names = [name for name, _ in pairs]
    lengths = torch.tensor([len(name) for name in names])
    return pad_sequence(names, batch_first=True), lengths, torch.tensor([kind for _, kind in pairs])


def last_scores(model, names, lengths):
    """Scores after the last letter of each name, `(n, 3)`."""
    return model(names, lengths)[torch.arange(len(lengths)), lengths - 1]


def run(torch, steps, seed, show=None):
    """Train for `steps` batches; return the losses, and hand model and unseen names to `show` if there is one."""
    torch.manual_seed(seed)
    pairs = vocabulary()
    order = torch.randperm(len(pairs)).tolist()
    unseen, train = ([pairs[place] for place in part] for part in (order[:400], order[400:]))
    counts = [sum(kind == wanted for _, kind in train) for wanted in range(len(KINDS))]
    weights = torch.tensor([1 / count for count in counts])
    model = Reader()
    criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.02)
    optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    for _ in tqdm(range(steps), desc="lstm", unit="step"):
        chosen = torch.randint(0, len(train), (BATCH,)).tolist()
        names, lengths, kinds = batch_of([train[place] for place in chosen])
        optimizer.zero_grad()
        loss = criterion(last_scores(model, names, lengths), kinds)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(model.eval(), unseen, losses)
    return losses


def picture(path, model, accuracy, losses):
    """Draw the loss, and what the model believes after each letter of some names it never saw."""
    figure = Figure(figsize=(11, 5.4), dpi=140, layout="constrained")
    curve, side = figure.subfigures(1, 2, width_ratios=(1, 1.5))
    axes = curve.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    axes.set(xlabel="step", ylabel="training loss", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    for axes, name in zip(side.subplots(len(SHOWN), 1), SHOWN):
        with torch.no_grad():
            beliefs = F.softmax(model(encoded(name)[None], torch.tensor([len(name)]))[0], dim=-1).T.numpy()
        image = axes.imshow(beliefs, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto", extent=(0, len(name), 3, 0))
        axes.set_xlim(0, max(len(shown) for shown in SHOWN))
        axes.set_xticks([place + 0.5 for place in range(len(name))], list(name), family="monospace", fontsize=10)
        axes.set_yticks([0.5, 1.5, 2.5], KINDS, fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    side.colorbar(image, ax=side.axes, shrink=0.5, label="belief")
    figure.suptitle(f"What does the name stand for?  {accuracy:.0%} of unseen names right", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, tell the accuracy, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="lstm_sequence.png", help="picture to write")
    options = parser.parse_args()

    def show(model, unseen, losses):
        names, lengths, kinds = batch_of(unseen)
        with torch.no_grad():
            accuracy = (last_scores(model, names, lengths).argmax(1) == kinds).float().mean().item()
        print(f"{accuracy:.1%} of {len(unseen)} unseen names right")
        picture(options.out, model, accuracy, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
