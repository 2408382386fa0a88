"""flowshot: train, sample and compare generative models of short sounds."""
