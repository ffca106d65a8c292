"""The `sensorium` command: `program` puts the verbs together; each verb calls one function elsewhere."""
