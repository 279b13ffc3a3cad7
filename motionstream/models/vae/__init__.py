"""Video autoencoders: pixels to latents and back, whole clips or chunk by chunk."""
