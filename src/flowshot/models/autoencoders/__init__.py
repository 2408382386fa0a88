"""Models that encode a clip to a latent and decode it."""
