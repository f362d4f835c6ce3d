"""Plans and runs crawls: in this process, in a pool of processes, or as the daemon of `archiver schedule`."""
