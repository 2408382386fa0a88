"""Priors over the latents of a trained autoencoder, one family a file."""
