"""Widgets: they draw what the views made, and decide nothing."""
