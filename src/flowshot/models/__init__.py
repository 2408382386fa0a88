"""Models: autoencoders, and generators that have no encoder."""
