"""Being a job: configuration, inputs, runs, schedules."""
