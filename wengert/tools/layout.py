"""Places for the boxes of a graph, row above row: the fallback where Graphviz is absent.

Small on purpose, for graphs of some hundred boxes; Graphviz does it better. Rows by longest path, order in a row by
the mean place of the neighbours, then places that are as near to the neighbours as the boxes' widths allow. Every
step is a loop over rows, so depth is no limit.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical system structures", 1981.
"""

from collections.abc import Mapping, Sequence

GAP, ROW_GAP, MARGIN = 14.0, 30.0, 8.0
"""Points between boxes of a row, between rows, and around the picture."""

BENDS = 20_000
"""How many places all long edges together may reserve in the rows they cross; the rest run straight."""

SWEEPS = 12

Point = tuple[float, float]


class Layout:
    """Centre (x, y) of each box, the points through which each edge runs, and the size of the whole, in points.

    Of the points of an edge those at odd places begin a stretch that bends, those at even places a straight one.
    """

    def __init__(self, centres: dict[str, Point], paths: list[list[Point]], width: float, height: float):
        self.centres = centres
        self.paths = paths
        self.width = width
        self.height = height


def place(sizes: Mapping[str, Point], edges: Sequence[tuple[str, str, bool]]) -> Layout:
    """Layout of boxes of these `sizes`; an edge is tail, head and whether its direction counts.

    Rows grow downwards from tail to head. An edge within a circle runs against the others; one from a box to itself
    has no points.
    """
    names = list(sizes)
    number = {name: index for index, name in enumerate(names)}
    ranks = precedence(len(names), [(number[tail], number[head]) for tail, head, counts in edges if counts])
    links = [sorted((number[tail], number[head]), key=ranks.__getitem__) for tail, head, _ in edges]
    rows = row_numbers(ranks, links)
    widths, chains = [sizes[name][0] for name in names], []
    budget = BENDS
    for upper, lower in links:
        span = range(rows[upper] + 1, rows[lower]) if budget > rows[lower] - rows[upper] else range(0)
        budget -= len(span)
        chains.append([upper, *range(len(widths), len(widths) + len(span)), lower])
        widths += [0.0] * len(span)
        rows += span
    layers: list[list[int]] = [[] for _ in range(max(rows, default=-1) + 1)]
    for item, row in enumerate(rows):
        layers[row].append(item)
    above, below = neighbours(len(widths), rows, chains)
    order(layers, above, below)
    across = spread(layers, widths, above, below)
    return drawn_up(sizes, edges, number, rows, chains, across)


def precedence(count: int, links: Sequence[tuple[int, int]]) -> list[int]:
    """Rank of each item so that links go from low to high where no circle forbids it; items without links first."""
    following: list[list[int]] = [[] for _ in range(count)]
    open_links = [0] * count
    for tail, head in links:
        if tail != head:
            following[tail].append(head)
            open_links[head] += 1
    ranks = [-1] * count
    linked = [bool(following[item] or open_links[item]) for item in range(count)]
    waiting = sorted((item for item in range(count) if not open_links[item]), key=linked.__getitem__)
    rank, rest = 0, iter(range(count))
    while rank < count:
        if not waiting:
            waiting = [next(item for item in rest if ranks[item] < 0)]
        upcoming = []
        for item in waiting:
            if ranks[item] >= 0:
                continue
            ranks[item] = rank
            rank += 1
            for head in following[item]:
                open_links[head] -= 1
                if not open_links[head]:
                    upcoming.append(head)
        waiting = upcoming
    return ranks


def row_numbers(ranks: Sequence[int], links: Sequence[Sequence[int]]) -> list[int]:
    """Row of each item, 0 at the top: as far above the last row as its longest path down."""
    lower: list[list[int]] = [[] for _ in ranks]
    for first, second in links:
        if first != second:
            lower[first].append(second)
    height = [0] * len(ranks)
    for item in sorted(range(len(ranks)), key=ranks.__getitem__, reverse=True):
        height[item] = 1 + max((height[other] for other in lower[item]), default=-1)
    top = max(height, default=0)
    return [top - value for value in height]


def neighbours(
    count: int, rows: Sequence[int], chains: Sequence[Sequence[int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """Neighbours of each item in the row above it, and in the row below it."""
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for chain in chains:
        for upper, lower in zip(chain, chain[1:]):
            if rows[lower] == rows[upper] + 1:
                above[lower].append(upper)
                below[upper].append(lower)
    return above, below


def order(layers: list[list[int]], above: list[list[int]], below: list[list[int]]) -> None:
    """Sort each row by where the neighbours lie, alternately from the top and from the bottom."""
    position = {item: float(index) for layer in layers for index, item in enumerate(layer)}
    for sweep in range(SWEEPS):
        ordered, near = (layers, above) if sweep % 2 else (layers[::-1], below)
        for layer in ordered:
            layer.sort(key=lambda item: mean([position[other] for other in near[item]], position[item]))
            position.update((item, float(index)) for index, item in enumerate(layer))


def mean(values: Sequence[float], otherwise: float) -> float:
    """Mean of `values`; `otherwise` if there are none."""
    return sum(values) / len(values) if values else otherwise


def spread(
    layers: list[list[int]], widths: Sequence[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """Place of each item from the left: near its neighbours, and clear of the boxes beside it."""
    across = [0.0] * len(widths)
    for sweep in range(SWEEPS):
        ordered, near = (layers, above) if sweep % 2 else (layers[::-1], below)
        last = sweep >= SWEEPS - 2
        for layer in ordered:
            sides = [[*above[item], *below[item]] if last else near[item] for item in layer]
            wanted = [mean([across[other] for other in side], across[item]) for item, side in zip(layer, sides)]
            for item, found in zip(layer, apart(wanted, [widths[item] for item in layer])):
                across[item] = found
    left = min((place - width / 2 for place, width in zip(across, widths)), default=0.0)
    return [place - left + MARGIN for place in across]


def apart(wanted: Sequence[float], widths: Sequence[float]) -> list[float]:
    """Places in the given order, at least a gap between boxes, with the least squared distance from those `wanted`."""
    offsets = [0.0]
    for left, right in zip(widths, widths[1:]):
        offsets.append(offsets[-1] + (left + right) / 2 + GAP)
    groups: list[list[float]] = []
    for place, offset in zip(wanted, offsets):
        groups.append([place - offset, 1])
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            value, size = groups.pop()
            total = groups[-1][1] + size
            groups[-1] = [(groups[-1][0] * groups[-1][1] + value * size) / total, total]
    shifts = [value for value, size in groups for _ in range(int(size))]
    return [shift + offset for shift, offset in zip(shifts, offsets)]


def drawn_up(
    sizes: Mapping[str, Point],
    edges: Sequence[tuple[str, str, bool]],
    number: Mapping[str, int],
    rows: Sequence[int],
    chains: Sequence[Sequence[int]],
    across: Sequence[float],
) -> Layout:
    """The layout with its rows set below each other."""
    heights = [0.0] * (max(rows, default=-1) + 1)
    boxes = list(sizes.values())
    for row, (_, height) in zip(rows, boxes):
        heights[row] = max(heights[row], height)
    tops = [MARGIN]
    for height in heights:
        tops.append(tops[-1] + height + ROW_GAP)
    middles = [top + height / 2 for top, height in zip(tops, heights)]
    paths = []
    for (tail, _, _), chain in zip(edges, chains):
        path: list[Point] = []
        for item in chain if chain[0] != chain[-1] else ():
            middle, half = middles[rows[item]], heights[rows[item]] / 2
            own = boxes[item][1] / 2 if item < len(boxes) else half
            place = across[item]
            ends = [(place, middle - half), (place, middle - own), (place, middle + own), (place, middle + half)]
            path += ends[2:] if item == chain[0] else ends[:2] if item == chain[-1] else [ends[0], ends[3]]
        paths.append(path if chain[0] == number[tail] else path[::-1])
    centres = {name: (across[index], middles[rows[index]]) for name, index in number.items()}
    width = max((place + size[0] / 2 for place, size in zip(across, boxes)), default=0.0) + MARGIN
    return Layout(centres, paths, max(width, *across, 0.0) if across else width, tops[-1] - ROW_GAP + MARGIN)
