"""How good a checkpoint is: metrics, re-tracking, checks and their report."""
