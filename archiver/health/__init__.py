"""Health: judges sites by the statistics of their runs, and notifies people of changes."""
