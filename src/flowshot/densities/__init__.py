"""Densities over latent vectors: Gaussians, normalizing flows, mixtures."""
