"""A small GPT that learns to write Python, letter by letter, from the standard library's own source.

wengert run examples/char_gpt.py
"""

import argparse
import json
import textwrap
from pathlib import Path

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

CONTEXT, WIDTH, HEADS, LAYERS, BATCH = 64, 64, 4, 2, 16
MODULES = (
    "argparse",
    "ast",
    "calendar",
    "configparser",
    "difflib",
    "heapq",
    "random",
    "shutil",
    "statistics",
    "tokenize",
)


class Block(nn.Module):
    """Causal attention and a small network, each added to what came in."""

    def __init__(self):
        super().__init__()
        self.first_norm, self.second_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attend = nn.Linear(WIDTH, 3 * WIDTH)
        self.join = nn.Linear(WIDTH, WIDTH)
        self.think = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.attend(self.first_norm(x)).chunk(3, dim=-1)
        query, key, value = (part.view(batch, length, HEADS, -1).transpose(1, 2) for part in parts)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.join(seen.transpose(1, 2).reshape(batch, length, WIDTH))
        return x + self.think(self.second_norm(x))


class GPT(nn.Module):
    """Letters and their places in, scores of the next letter out: `(n, length)` to `(n, length, letters)`."""

    def __init__(self, letters):
        super().__init__()
        self.letter = nn.Embedding(letters, WIDTH)
        self.place = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, letters, bias=False)
        for table in (self.letter, self.place):
            nn.init.normal_(table.weight, std=0.05)

    def forward(self, indices):
        places = torch.arange(indices.shape[1])
        return self.head(self.norm(self.blocks(self.letter(indices) + self.place(places))))


def corpus():
    """Source of some modules of the standard library, in printable ASCII, with a tab for four spaces."""
    folder = Path(json.__file__).parents[1]
    text = "\n".join((folder / f"{module}.py").read_text(encoding="utf-8") for module in MODULES)
    return "".join(letter for letter in text.replace("    ", "\t") if letter in "\t\n" or " " <= letter <= "~")


def write(model, letters, length, start="def "):
    """A text of `length` letters that the model goes on with after `start`."""
    indices = torch.tensor([[letters.index(letter) for letter in start]])
    with torch.no_grad():
        for _ in range(length):
            scores = model(indices[:, -CONTEXT:])[:, -1]
            following = torch.multinomial(F.softmax(scores / 0.6, dim=-1), 1)
            indices = torch.cat([indices, following], dim=1)
    return "".join(letters[index] for index in indices[0].tolist()).expandtabs(4)


def run(torch, steps, seed, show=None):
    """Train for `steps` batches; return the losses, and hand model and alphabet to `show` if there is one."""
    torch.manual_seed(seed)
    text = corpus()
    letters = sorted(set(text))
    places = {letter: place for place, letter in enumerate(letters)}
    data = torch.tensor([places[letter] for letter in text])
    model = GPT(len(letters))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=8e-3, total_steps=steps, pct_start=0.1)
    losses = []
    for _ in tqdm(range(steps), desc="gpt", unit="step"):
        starts = torch.randint(0, len(data) - CONTEXT - 1, (BATCH, 1))
        window = data[starts + torch.arange(CONTEXT + 1)]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    if show:
        show(model.eval(), letters, losses)
    return losses


def picture(path, sample, losses):
    """Draw how the loss fell, and what the model writes."""
    figure = Figure(figsize=(11, 5.2), dpi=140, layout="constrained")
    curve, page = figure.subplots(1, 2)
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=1)
    curve.set(xlabel="step", ylabel="loss per letter (nats)", ylim=(0, None))
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    lines = [part for line in sample.splitlines() for part in textwrap.wrap(line, 62) or [""]][:24]
    page.text(
        0.03, 0.97, "\n".join(lines).replace("$", r"\$"), family="monospace", fontsize=8.5, va="top", color="#d6deeb"
    )
    page.set(xticks=[], yticks=[], facecolor="#011627")
    figure.suptitle("A small GPT that has read the standard library", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, print a sample, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="char_gpt.png", help="picture to write")
    options = parser.parse_args()

    def show(model, letters, losses):
        sample = write(model, letters, 700)
        print(sample)
        picture(options.out, sample, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
