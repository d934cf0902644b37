"""The processes: web application, jobs, clock, command line."""
