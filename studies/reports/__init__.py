"""Reports that come back: one module per format, pure over their bytes or text."""
