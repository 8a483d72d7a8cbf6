"""The local runner: one command that starts the database, the simulator, the API and the worker on one machine."""
