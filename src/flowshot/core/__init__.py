"""What all rooms use: errors, files, randomness, processes, parameters, provenance."""
