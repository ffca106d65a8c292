"""Load on a running server, and what comes of it."""
