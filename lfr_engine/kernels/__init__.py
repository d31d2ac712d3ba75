"""Arithmetic compiled from C at install, where there is a compiler; nothing depends on it."""
