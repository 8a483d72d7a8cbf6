"""What was taken, counted ahead by half hours, so that a page costs the same over ten payments and ten million."""
