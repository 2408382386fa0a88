"""The VAE with residual and convolution blocks, with or without flows."""
