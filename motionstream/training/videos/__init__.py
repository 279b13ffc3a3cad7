"""Real videos -> shards to train on: found, cut into clips, followed by a tracker, encoded."""
