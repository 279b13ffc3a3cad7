"""Networks, and the memory they read and write."""
