"""A baseline that memorises: training clips, drawn at random."""
