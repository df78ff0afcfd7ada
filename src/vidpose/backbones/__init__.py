"""Networks that turn one frame's crop into features: one file a family."""
