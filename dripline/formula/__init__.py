"""Formulas: calibrations, templates, formulas of simulated instruments, reading of numbers."""
