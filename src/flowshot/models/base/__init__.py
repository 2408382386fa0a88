"""What all models share: their interface, and how they are stored."""
