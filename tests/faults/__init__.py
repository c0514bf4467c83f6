"""Whole commands in which system calls that change files fail, or end the process; `make faults` runs them."""
