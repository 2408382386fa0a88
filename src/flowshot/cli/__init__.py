"""The `flowshot` command."""
