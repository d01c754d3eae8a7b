"""What comes in: browser parts, archives and folders, all into sealed originals."""
