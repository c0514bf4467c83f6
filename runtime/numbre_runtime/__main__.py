"""`python -m numbre_runtime` is `numbre`."""

import sys

if __name__ == "__main__":
    sys.argv[0] = "numbre"

    from numbre_runtime.cli.entry import umbrella

    umbrella()
