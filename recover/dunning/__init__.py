"""The pure core: it decides and touches nothing. No I/O, no clock, no hidden randomness."""
