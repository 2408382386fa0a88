"""Models that draw clips without a latent of a clip: they cannot encode."""
