# SPDX-License-Identifier: MIT
"""The figures of many runs as Markdown: medians, ratios to the best peer, and what they are worth."""
import dataclasses
import math
import statistics
from typing import Callable


@dataclasses.dataclass(frozen=True)
class Measure:
    """A figure that runs are compared by: `read` takes it from a result, if `keyed` by the name that it has there."""
    title: str
    unit: str
    read: Callable
    higher_is_better: bool
    keyed: bool = False


def quartile_spread(values):
    """The distance of the quartiles over the median; without end where too few values cannot show it."""
    if len(values) < 3 or not statistics.median(values):
        return math.inf
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


# Builds of Freehold: the one under test, and an earlier one that it is compared with. Neither is a peer.
OWN, BASE = "freehold", "base"


class Comparison:
    """One row: the values of all rounds by allocator, where None is a run that failed."""

    def __init__(self, measure, values):
        self.measure = measure
        self.values = values

    def median(self, name):
        values = self.values.get(name) or [None]
        return None if None in values else statistics.median(values)

    def best_peer(self):
        peers = [name for name in self.values if name not in (OWN, BASE) and self.median(name) is not None]
        choose = max if self.measure.higher_is_better else min
        return choose(peers, key=self.median, default=None)

    def ratio(self, other):
        """Freehold over another one; None where one is missing or zero."""
        if other is None or not self.median(OWN) or not self.median(other):
            return None
        return self.median(OWN) / self.median(other)

    def spread(self, other):
        """The wider one of Freehold and the other one."""
        return max(quartile_spread(self.values[name]) for name in (OWN, other))

    def is_decided(self, other):
        return abs(self.ratio(other) - 1) > self.spread(other)

    def is_behind(self):
        """Whether the best peer is better by more than the spread."""
        ratio = self.ratio(self.best_peer())
        return ratio is not None and (ratio < 1) == self.measure.higher_is_better and self.is_decided(self.best_peer())

    def others(self):
        """What Freehold is set in relation to: the best peer, and its base if there is one."""
        return [self.best_peer()] + [BASE] * (BASE in self.values)

    def cells(self):
        cells = []
        for name in self.values:
            median = self.median(name)
            text = "failed" if median is None else figures(median)
            cells.append(f"**{text}**" if name == self.best_peer() else text)
        for other in self.others():
            if self.ratio(other) is None:
                cells += ["–", "–"]
            else:
                spread = "?" if math.isinf(self.spread(other)) else f"{self.spread(other):.0%}"
                cells += [f"{self.ratio(other):.2f}{'' if self.is_decided(other) else ' ≈'}", spread]
        return cells


def behind(measure, rows):
    """A sentence on the lines of {label: Comparison} in which the best peer is better, by more than the spread."""
    lines = [f"{label} ({row.ratio(row.best_peer()):.2f} of {row.best_peer()})" for label, row in rows.items() if row.is_behind()]
    if not lines:
        return f"- {measure.title}: in none of {len(rows)}."
    return f"- {measure.title}: in {len(lines)} of {len(rows)}: {', '.join(lines)}."


def figures(value):
    """Three of them, or all that stand before the point."""
    digits = 0 if value == int(value) else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


def line(cells):
    return "| " + " | ".join(cells) + " |"


def mean_cells(rows):
    """The geometric mean of the ratios of the rows, for each of what Freehold is set in relation to."""
    cells = []
    for others in zip(*(row.others() for row in rows)):
        ratios = [ratio for row, other in zip(rows, others) if (ratio := row.ratio(other)) is not None]
        cells += [f"**{geometric_mean(ratios):.2f}**" if len(ratios) > 1 else "", ""]
    return cells


def table(measure, rows):
    """A Markdown table of {row: Comparison} with the geometric means of its ratios."""
    names = list(next(iter(rows.values())).values)
    better = "higher" if measure.higher_is_better else "lower"
    relations = [f"freehold / {other}" for other in ["best peer"] + [BASE] * (BASE in names)]
    lines = [f"**{measure.title}**, {measure.unit}; {better} is better.", "",
             line(["row", *names, *(cell for relation in relations for cell in (relation, "spread"))]),
             line(["---"] + ["--:"] * (len(names) + 2 * len(relations)))]
    lines += [line([name, *row.cells()]) for name, row in rows.items()]
    means = mean_cells(list(rows.values()))
    if any(means):
        lines.append(line(["geometric mean", *([""] * len(names)), *means]))
    return "\n".join(lines) + "\n"
