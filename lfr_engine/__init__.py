"""Governed live facial recognition. This module holds the version only and imports nothing."""

__version__ = "0.1.0"
