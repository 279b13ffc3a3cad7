"""Training: data, loops and recipes that turn weights into a motion-controlled streaming model."""
