"""`python -m deployments.cli`: the same as `sensorium`."""

from deployments.cli.program import main

main()
