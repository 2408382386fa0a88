"""What `make bench` measures: one file per subject, each benchmark a function that returns numbers by their names."""
