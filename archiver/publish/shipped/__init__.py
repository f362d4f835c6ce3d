"""What a dataset takes along: programs that run without this one."""
