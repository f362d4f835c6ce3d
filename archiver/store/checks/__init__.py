"""Whether an archive is what it says it is: one file a family of checks, `table` over them."""
