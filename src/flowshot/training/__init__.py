"""What all trainings share: losses, schedules, checkpoints."""
