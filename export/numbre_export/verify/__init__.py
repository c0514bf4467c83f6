"""Whether a converted file lost anything, and where."""
