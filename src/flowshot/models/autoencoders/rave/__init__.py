"""The real RAVE, from the package acids-rave."""
