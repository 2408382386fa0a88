"""What `make bench` measures: one file a subject, each benchmark a function that returns numbers by their names."""
