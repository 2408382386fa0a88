"""Where sounds come from: the catalogue, fetching, decoding, the synthesizer."""
