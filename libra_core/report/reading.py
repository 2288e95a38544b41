"""The readability of a text: the Flesch-Kincaid grade, with syllables counted by a rule of thumb."""

from __future__ import annotations

import re

PLAIN = 8.0  # US school grade; health literacy guidance asks for the sixth to eighth

_VOWELS = re.compile(r"[aeiouy]+")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")


def syllables(word: str) -> int:
    """Groups of vowels, without a silent e at the end."""
    word = word.lower()
    groups = len(_VOWELS.findall(word))
    if word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1:
        groups -= 1
    return max(1, groups)


def grade(text: str, names: tuple[str, ...] = ()) -> float:
    """0.39 words/sentence + 11.8 syllables/word - 15.59 (Kincaid 1975). `names` (of drugs and habits) are left out,
    since they cannot be simplified. Raises ValueError for a text without words."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), "it", text, flags=re.IGNORECASE)
    words = _WORD.findall(text)
    if not words:
        raise ValueError("there are no words to judge")
    sentences = max(1, len([s for s in re.split(r"[.!?]+\s|\n", text) if _WORD.search(s)]))
    return 0.39 * len(words) / sentences + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
