"""What can go wrong while starting, said to a person."""

from __future__ import annotations


class LaunchFailed(Exception):
    """One clear message: what failed and what to do. Printed without a stack trace; the exit status is 1."""
