# SPDX-License-Identifier: MIT
"""Bytes, counts and seconds as people read and write them."""
import re

STEPS = ("B", "KiB", "MiB", "GiB", "TiB")


def text(count):
    """1536 -> '1.50 KiB'."""
    sign, size = "-" if count < 0 else "", abs(count)
    step = 0
    while size >= 999.5 and step < len(STEPS) - 1:
        size /= 1024
        step += 1
    if step == 0:
        return f"{sign}{size:.0f} B"
    return f"{sign}{size:.{max(0, 3 - len(str(int(size))))}f} {STEPS[step]}"


def change(count):
    """The same, with a sign."""
    return ("+" if count > 0 else "") + text(count)


def number(count):
    return f"{count:,}"


def counted(count, noun):
    """1 sample, 2 samples."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


SHIFTS = {"K": 10, "M": 20, "G": 30, "T": 40}


def in_units(written, unit):
    """'512', '512M', '2G' -> how many of the UNIT, for an option that is counted in it."""
    match = re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", written, re.I)
    if not match:
        raise ValueError(f"'{written}' is no size: 512 ({unit}iB), 512M and 2G are")
    size = int(match[1]) << SHIFTS[match[2].upper() or unit]
    return max(1, size >> SHIFTS[unit]) if size else 0
