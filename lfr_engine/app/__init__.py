"""The composition root: actors joined by channels, and the runs made of them."""
