"""What one API process can serve, measured against a bare ASGI application that does the same I/O."""
