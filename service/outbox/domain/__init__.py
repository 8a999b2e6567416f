"""What is decided about events and their delivery, without I/O."""
