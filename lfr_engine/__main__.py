"""``python -m lfr_engine`` is ``lfr``."""

from lfr_engine.cli import main

if __name__ == "__main__":
    main()
