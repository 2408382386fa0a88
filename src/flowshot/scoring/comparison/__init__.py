"""Every metric of two sets of embedded clips."""
