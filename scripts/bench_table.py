# SPDX-License-Identifier: MIT
"""The figures of many runs as Markdown: medians, ratios to the best peer, and what they are worth."""
import dataclasses
import math
import statistics
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure that runs are compared by: `read` takes it from a result."""
    title: str
    unit: str
    read: Callable
    higher_is_better: bool


def quartile_spread(values):
    """The distance of the quartiles over the median; without end where too few values cannot show it."""
    if len(values) < 3 or not statistics.median(values):
        return math.inf
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


class Comparison:
    """One row: the values of all rounds by allocator, where None is a run that failed."""

    def __init__(self, measure, values):
        self.measure = measure
        self.values = values

    def median(self, name):
        values = self.values.get(name) or [None]
        return None if None in values else statistics.median(values)

    def best_peer(self):
        peers = [name for name in self.values if name != "freehold" and self.median(name) is not None]
        choose = max if self.measure.higher_is_better else min
        return choose(peers, key=self.median, default=None)

    def ratio(self):
        """Freehold over the best peer; None where one is missing or zero."""
        peer = self.best_peer()
        if peer is None or not self.median("freehold") or not self.median(peer):
            return None
        return self.median("freehold") / self.median(peer)

    def spread(self):
        """The wider one of Freehold and the best peer."""
        return max(quartile_spread(self.values[name]) for name in ("freehold", self.best_peer()))

    def is_decided(self):
        return abs(self.ratio() - 1) > self.spread()

    def cells(self):
        cells = []
        for name in self.values:
            median = self.median(name)
            text = "failed" if median is None else figures(median)
            cells.append(f"**{text}**" if name == self.best_peer() else text)
        if self.ratio() is None:
            return cells + ["–", "–"]
        spread = "?" if math.isinf(self.spread()) else f"{self.spread():.0%}"
        return cells + [f"{self.ratio():.2f}{'' if self.is_decided() else ' ≈'}", spread]


def figures(value):
    """Three of them, or all that stand before the point."""
    digits = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def line(cells):
    return "| " + " | ".join(cells) + " |"


def table(measure, rows):
    """A Markdown table of {row: Comparison} with the geometric mean of its ratios."""
    names = list(next(iter(rows.values())).values)
    better = "higher" if measure.higher_is_better else "lower"
    ratios = [row.ratio() for row in rows.values() if row.ratio() is not None]
    lines = [f"**{measure.title}**, {measure.unit}; {better} is better.", "",
             line(["row", *names, "freehold / best peer", "spread"]), line(["---"] + ["--:"] * (len(names) + 2))]
    lines += [line([name, *row.cells()]) for name, row in rows.items()]
    if len(ratios) > 1:
        lines.append(line(["geometric mean", *([""] * len(names)), f"**{geometric_mean(ratios):.2f}**", ""]))
    return "\n".join(lines) + "\n"
