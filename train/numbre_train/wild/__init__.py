"""Digits in the wild: photo-like copies of digits, and things that are none, as the runtime will see them.

`dataset` adds it to a data set, `rows` makes it. Ink is a digit's own (`strokes`), printed (`glyphs`) or drawn
(`forms`, `drawn_letters`, `scribbles`, `shapes`, `pieces`); it is laid on paper (`paper`), photographed (`camera`) and
brought to 28×28 by the runtime's own preparation (`seen`). `others` chooses what is no digit, `threshold` from when on
an answer counts.
"""
