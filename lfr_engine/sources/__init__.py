"""Where frames come from. The only package that imports av."""
