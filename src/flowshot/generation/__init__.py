"""Drawing clips from trained models."""
