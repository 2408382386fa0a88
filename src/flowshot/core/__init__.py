"""What every part of flowshot stands on: errors, files, randomness, processes, parameters, provenance."""
