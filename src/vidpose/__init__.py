"""Human poses from video."""
