"""TETRA over the peripheral equipment interface: serial grammar, short data, modem. No I/O."""
