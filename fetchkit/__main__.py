"""`python -m fetchkit` is the same as `fetchkit`."""

from fetchkit.cli import main

main()
