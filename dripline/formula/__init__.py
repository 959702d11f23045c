"""The text of a formula, and its value: calibrations, templates of replies, readings of numbers."""
