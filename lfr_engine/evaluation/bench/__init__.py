"""How fast: the engine against its bound and its peers, in one run."""
