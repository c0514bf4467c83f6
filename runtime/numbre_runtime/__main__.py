"""`python -m numbre_runtime` is `numbre`."""

from numbre_runtime.cli.entry import umbrella

if __name__ == "__main__":
    umbrella()
