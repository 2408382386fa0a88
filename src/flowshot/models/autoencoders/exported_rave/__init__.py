"""A RAVE that was trained elsewhere, exported as TorchScript."""
