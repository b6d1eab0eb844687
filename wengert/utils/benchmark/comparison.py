"""Measurements side by side in a table."""

from __future__ import annotations

from wengert.utils.benchmark.measurement import Measurement, select_unit, unit_to_english


class Compare:
    """A table of medians: a row for each statement (or sub_label), a column for each description."""

    def __init__(self, results: list[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)

    def extend_results(self, results: list[Measurement]) -> None:
        """Add measurements.

        Raises: ValueError for anything else.
        """
        for result in results:
            if not isinstance(result, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(result)} instead.")
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Accepted: times have three digits."""

    def colorize(self, rowwise: bool = False) -> None:
        """Accepted: the table has no colours."""

    def highlight_warnings(self) -> None:
        """Accepted: see `Measurement.has_warnings`."""

    def __str__(self) -> str:
        tables: dict[str, list[Measurement]] = {}
        for result in Measurement.merge(self._results):
            tables.setdefault(result.task_spec.label or result.task_spec.stmt, []).append(result)
        return "\n".join(self.table(label, results) for label, results in tables.items())

    def table(self, label: str, results: list[Measurement]) -> str:
        """The table of one label."""
        rows = list(dict.fromkeys(r.task_spec.sub_label or r.task_spec.stmt for r in results))
        columns = list(dict.fromkeys(r.task_spec.description or "" for r in results))
        unit, length = select_unit(min(r.median for r in results))
        cells = {(r.task_spec.sub_label or r.task_spec.stmt, r.task_spec.description or ""): r.median for r in results}
        texts = [["", *columns]]
        for row in rows:
            texts.append([row, *(f"{cells[row, c] / length:.3g}" if (row, c) in cells else "" for c in columns)])
        widths = [max(len(line[i]) for line in texts) for i in range(len(columns) + 1)]
        lines = ["  |  ".join(text.rjust(w) for text, w in zip(line, widths, strict=True)) for line in texts]
        rule = "-" * max(map(len, lines))
        return "\n".join(
            [f"[ {label} ]", lines[0], rule, *lines[1:], "", f"Times are in {unit_to_english(unit)}s ({unit})."]
        )

    def print(self) -> None:
        """Print the table."""
        print(str(self))


__all__ = ["Compare"]
