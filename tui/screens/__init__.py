"""Screens: they turn keys into actions and give the views to the widgets."""
