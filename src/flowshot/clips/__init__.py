"""Prepared sets of clips: reading, batches, FLAC."""
