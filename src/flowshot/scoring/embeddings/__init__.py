"""Embeddings of clips, one a file."""
