# SPDX-License-Identifier: MIT
"""What the runs of a benchmark gave, by row and allocator, and the tables made of it."""
import csv
import dataclasses
import sys

from bench_table import Comparison, behind, table


class Journal:
    """All runs: in memory for the tables, and in a file from the moment that each has ended."""
    FIELDS = ("round", "row", "allocator", "status", "seconds", "threads", "operations", "operations_per_second",
              "peak_rss_kib", "major_faults", "minor_faults", "further", "command")

    def __init__(self, path):
        self.file = open(path, "w", newline="", encoding="utf-8")
        self.writer = csv.DictWriter(self.file, self.FIELDS, restval="", extrasaction="ignore")
        self.writer.writeheader()
        self.results = {}
        self.outputs = {}
        self.failures = []

    def note(self, turn, row, allocator, command, result, output):
        self.results.setdefault((row, allocator), []).append(result)
        self.outputs[row, allocator] = output
        further = " ".join(f"{key}={value}" for key, value in result.items() if key not in self.FIELDS)
        self.write(turn, row, allocator, command, "ok", {**result, "further": further})

    def note_failure(self, turn, row, allocator, command, failure):
        self.results.setdefault((row, allocator), []).append(None)
        self.failures.append(f"round {turn}, {row}, {allocator}: {failure}")
        self.write(turn, row, allocator, command, failure, {})

    def write(self, turn, row, allocator, command, status, result):
        self.writer.writerow({"round": turn, "row": row, "allocator": allocator, "command": command,
                              "status": status, **result})
        self.file.flush()

    def compare(self, row, measure, names):
        return Comparison(measure, {name: [result and measure.read(result) for result in self.results[row, name]]
                                    for name in names})


def lines(row, measure):
    """{label: measure} of a row's lines in the table of a measure."""
    if measure not in row.measures:
        return {}
    if not measure.keyed:
        return {row.name: measure}
    return {label: dataclasses.replace(measure, read=lambda r, key=key: measure.read(r, key))
            for label, key in row.keys.items()}


def compare_all(measures, rows, names, journal):
    """{measure: {label: Comparison}} of the measures that rows have lines of."""
    comparisons = {measure: {label: journal.compare(row.name, line, names)
                             for row in rows for label, line in lines(row, measure).items()} for measure in measures}
    return {measure: compared for measure, compared in comparisons.items() if compared}


def tables(comparisons):
    """A Markdown table for each measure."""
    return [table(measure, compared) for measure, compared in comparisons.items()]


def all_behind(comparisons):
    """The lines in which the best peer is better, by table."""
    return "\n".join(["Behind the best peer by more than the spread (the system's malloc included; Freehold's figure over the peer's):", "",
                      *(behind(measure, compared) for measure, compared in comparisons.items()), ""])


def show(progress):
    """On the last line of a terminal; nowhere else."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)
