"""Which engines work on this board, and what to do about those that do not."""
