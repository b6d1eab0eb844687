"""A graph network guesses who sides with whom in Zachary's karate club, having been told of two members only.

Friendships and factions: Zachary, Journal of Anthropological Research 33, 1977.

    wengert run examples/karate_graph.py
"""

import argparse

import torch
import torch.nn.functional as F
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

MEMBERS, TEACHER, PRESIDENT = 34, 0, 33
WITH_TEACHER = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21)
FRIENDS = {
    0: (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31),
    1: (2, 3, 7, 13, 17, 19, 21, 30),
    2: (3, 7, 8, 9, 13, 27, 28, 32),
    3: (7, 12, 13),
    4: (6, 10),
    5: (6, 10, 16),
    6: (16,),
    8: (30, 32, 33),
    9: (33,),
    13: (33,),
    14: (32, 33),
    15: (32, 33),
    18: (32, 33),
    19: (33,),
    20: (32, 33),
    22: (32, 33),
    23: (25, 27, 29, 32, 33),
    24: (25, 27, 31),
    25: (31,),
    26: (29, 33),
    27: (33,),
    28: (31, 33),
    29: (32, 33),
    30: (32, 33),
    31: (32, 33),
    32: (33,),
}
EDGES = [(member, friend) for member, friends in FRIENDS.items() for friend in friends]


class GraphNetwork(nn.Module):
    """Two graph convolutions `A relu(A W) V` (Kipf and Welling 2017): a score of each faction for each member."""

    def __init__(self, width=8):
        super().__init__()
        self.first = nn.Linear(MEMBERS, width)
        self.second = nn.Linear(width, 2)

    def forward(self, mixing):
        return mixing @ self.second(F.relu(self.first(mixing)))


def mixing_matrix():
    """Friendships with everybody's own, divided by the roots of both ends' counts: `D^-1/2 (A + 1) D^-1/2`."""
    first, second = torch.tensor(EDGES).T
    ones = torch.ones(len(EDGES))
    matrix = torch.eye(MEMBERS).index_put((first, second), ones).index_put((second, first), ones)
    scale = matrix.sum(1).rsqrt()
    return scale[:, None] * matrix * scale


def run(torch, steps, seed, show=None):
    """Train for `steps` steps; return the losses, and hand the members' scores to `show` if there is one."""
    torch.manual_seed(seed)
    mixing = mixing_matrix()
    told, sides = torch.tensor([TEACHER, PRESIDENT]), torch.tensor([0, 1])
    network = GraphNetwork()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02, weight_decay=5e-3)
    losses = []
    for _ in tqdm(range(steps), desc="karate", unit="step"):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(mixing)[told], sides)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if show:
        show(network(mixing).detach(), losses)
    return losses


def layout(steps=400):
    """A place for each member, found by descent: friends attract, all others repel. `(34, 2)`"""
    torch.manual_seed(1)
    first, second = torch.tensor(EDGES).T
    places = torch.randn(MEMBERS, 2, requires_grad=True)
    optimizer = torch.optim.Adam([places], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        squares = (places[:, None] - places).square().sum(-1)
        pull = (places[first] - places[second]).square().sum(-1).sqrt().pow(3).sum() / 3
        energy = pull - 0.9 * torch.log(squares + 1e-2).sum() + 0.05 * places.square().sum()
        energy.backward()
        optimizer.step()
    return places.detach().numpy()


def picture(path, scores, losses):
    """Draw the club, coloured by the guess and ringed where it is wrong, and how the loss fell."""
    figure = Figure(figsize=(12, 6.2), dpi=140, layout="constrained")
    club, curve = figure.subplots(1, 2, width_ratios=(1.9, 1))
    places, belief = layout(), F.softmax(scores, dim=1)[:, 1].numpy()
    lines = [(places[first], places[second]) for first, second in EDGES]
    club.add_collection(LineCollection(lines, colors="#9aa5b1", linewidths=0.9, alpha=0.6, zorder=1))
    wrong = [(belief[member] < 0.5) != (member in WITH_TEACHER) for member in range(MEMBERS)]
    rings = ["#c53030" if mistaken else "white" for mistaken in wrong]
    sizes = [1300 if member in (TEACHER, PRESIDENT) else 330 for member in range(MEMBERS)]
    dots = club.scatter(*places.T, c=belief, s=sizes, cmap="coolwarm_r", vmin=0, vmax=1, edgecolors=rings, linewidths=2)
    names = {TEACHER: "teacher", PRESIDENT: "president"}
    for member, place in enumerate(places):
        club.text(
            *place,
            names.get(member, member),
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if abs(belief[member] - 0.5) > 0.4 else "#1f2933",
        )
    club.set(xticks=[], yticks=[], aspect="equal")
    club.spines[:].set_visible(False)
    figure.colorbar(dots, ax=club, shrink=0.6, label="believed to side with the president")
    curve.plot(range(1, len(losses) + 1), losses, color="#2563a8", linewidth=2)
    curve.set(xlabel="step", ylabel="loss on the two known members", yscale="log", box_aspect=1)
    curve.grid(alpha=0.3)
    curve.spines[["top", "right"]].set_visible(False)
    right = MEMBERS - sum(wrong)
    figure.suptitle(f"Zachary's karate club: {right} of {MEMBERS} placed rightly, two were known", weight="bold")
    figure.savefig(path)


def main():
    """Read the command line, train, tell who was placed wrongly, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="karate_graph.png", help="picture to write")
    options = parser.parse_args()

    def show(scores, losses):
        guesses = scores.argmax(1).tolist()
        wrong = [member for member, guess in enumerate(guesses) if (guess == 0) != (member in WITH_TEACHER)]
        print(f"placed wrongly: {wrong or 'nobody'}")
        picture(options.out, scores, losses)

    losses = run(torch, options.steps, options.seed, show)
    print(f"loss {losses[-1]:.4f}, picture in {options.out}")


if __name__ == "__main__":
    main()
