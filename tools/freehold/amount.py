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


def mebibytes(written):
    """'512', '512M', '2G' -> MiB, for an option that is counted in MiB."""
    match = re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", written, re.I)
    if not match:
        raise ValueError(f"'{written}' is no size: 512 (MiB), 512M and 2G are")
    factor = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024 ** 2}[match[2].upper()]
    return max(1, int(int(match[1]) * factor)) if int(match[1]) else 0
