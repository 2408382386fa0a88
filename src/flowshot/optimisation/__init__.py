"""What every optimisation shares: checkpoints, progress, the course of the learning rate."""
