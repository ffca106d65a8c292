"""Bringing Sensorium up on one machine: install, start a local Ray, deploy a configuration, wait, show, stop."""
