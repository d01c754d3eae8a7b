"""Studies on their way out, and reports on their way back. Importing this starts no Django."""
