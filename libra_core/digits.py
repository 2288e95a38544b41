"""Numbers for display: a typographic minus, no '−0', thousands separated."""

from __future__ import annotations

MINUS = "−"


def fixed(value: float, digits: int = 0) -> str:
    """'1,234', '−0.4', '0': a number with so many decimals.

    >>> fixed(-1234.5), fixed(-0.04, 1)
    ('−1,234', '0.0')
    """
    text = f"{value:,.{digits}f}"
    return text.replace("-", MINUS) if any(c in "123456789" for c in text) else text.removeprefix("-")


def signed(value: float, digits: int = 1) -> str:
    """'+1.2', '−0.4', '0.0': a change."""
    text = fixed(value, digits)
    return text if text.startswith(MINUS) or not any(c in "123456789" for c in text) else f"+{text}"


def interval(low: float, high: float, digits: int = 0) -> str:
    """'−4 to 15'."""
    return f"{fixed(low, digits)} to {fixed(high, digits)}"
