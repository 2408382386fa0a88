"""What every optimisation shares: checkpoints, progress, learning rate schedules."""
