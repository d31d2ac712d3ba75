"""Encoders for officers' radios and handsets, pure; and the Bearer port."""
