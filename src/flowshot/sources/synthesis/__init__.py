"""The synthesizer behind the dataset `synth`."""
