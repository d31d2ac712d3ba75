"""Tests of what is compiled at install."""
