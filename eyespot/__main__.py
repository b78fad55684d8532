"""`python -m eyespot`: the `eyespot` command, where the folder of scripts is not on the path."""

import sys

from eyespot.cli import main

if __name__ == "__main__":
    sys.exit(main())
