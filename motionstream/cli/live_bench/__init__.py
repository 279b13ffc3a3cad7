"""What `bench transport` and `bench serve` measure with: a server in its own process, users, a null engine."""
