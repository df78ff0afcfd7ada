"""Training from recipes."""
