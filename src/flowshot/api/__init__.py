"""Trained arms from Python: `flowshot.load`."""
