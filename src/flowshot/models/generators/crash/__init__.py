"""CRASH: diffusion of raw waveforms (Rouard & Hadjeres 2021, arXiv:2106.07431), written from its formulas."""
