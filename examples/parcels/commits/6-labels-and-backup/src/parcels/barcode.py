# SPDX-FileCopyrightText: 2011 The Stripes Project
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barcodes of the kind Interleaved 2 of 5."""

WIDE = ("00110", "10001", "01001", "11000", "00101", "10100", "01100", "00011", "10010", "01010")


def stripes(digits: str) -> str:
    """Bars and spaces in turn, 1 for a wide one; the first of two digits is in the bars."""
    if len(digits) % 2:
        digits = "0" + digits
    inner = ""
    for bars, spaces in zip(digits[::2], digits[1::2], strict=True):
        pairs = zip(WIDE[int(bars)], WIDE[int(spaces)], strict=True)
        inner += "".join(bar + space for bar, space in pairs)
    return "0000" + inner + "100"
