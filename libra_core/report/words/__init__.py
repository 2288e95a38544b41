"""Sentences about the advisor: why it was asked or followed, and what it has earned."""
