"""The recipes of the embedded synthesizer: oscillators, filters, envelopes, and the instruments made of them."""
