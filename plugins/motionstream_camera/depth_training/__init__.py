"""Training of a tiny depth network on drawn scenes whose depth is known exactly.

From the ground up: texture (paint), solid (shapes a ray can hit), furniture (things made of solids), scene (rooms and
open ground), rendering (one picture and its inverse depth), augmentation, examples (batches by seed), loss, network
(configuration and files), trainer (steps, state, resuming), measuring (against real depth).
"""
