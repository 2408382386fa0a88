"""DrumGAN: a GAN of complex spectrograms (Nistal et al. 2020, arXiv:2008.12073), written from its formulas."""
