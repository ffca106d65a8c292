"""Pictures of container numbers, drawn: lettering on a corrugated, weathered steel wall."""
