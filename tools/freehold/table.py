# SPDX-License-Identifier: MIT
"""Rows of words as aligned columns."""


def lines(heads, rows, left=1):
    """The lines of a table: the first LEFT columns begin at the left, the rest end at the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        cells = (cell.ljust(width) if column < left else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths)))
        yield "  " + "  ".join(cells).rstrip()
