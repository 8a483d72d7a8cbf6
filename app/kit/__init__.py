"""Small, pure tools that every room may use: no I/O, no word of payments."""
