"""Several models on the same rows: run, tested, and shown on one page."""
