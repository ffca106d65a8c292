"""Durable tasks: batches that outlive a request."""
