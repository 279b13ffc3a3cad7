"""Tracks in, video out, one chunk at a time."""
