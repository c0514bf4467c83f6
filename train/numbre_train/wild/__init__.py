"""Digits in the wild: photo-like copies of digits, and things that are none, as the runtime will see them.

`rows.py` puts it together. Ink is drawn (`letters`, `scribbles`, `shapes`, `pieces`) or is a digit's own (`strokes`),
is laid on paper (`paper`), photographed (`camera`), and brought to 28×28 by the runtime's own preparation (`seen`).
"""
