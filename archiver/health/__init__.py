"""Health: rates each site green, amber or red by the statistics of its runs, and notifies people of changes."""
