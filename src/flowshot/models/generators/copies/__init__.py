"""The baseline that learns by heart: training clips, drawn at random."""
