"""The services. None imports another: they meet through `stoa.contracts` and through events."""
