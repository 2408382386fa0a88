"""What all packages use: errors, files, randomness, processes, parameters, provenance."""
