"""Damaged inputs for every reader of untrusted bytes; `make fuzz MINUTES=10` runs them all."""
