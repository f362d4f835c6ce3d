"""What a person says of sites beside the archive: the file archiver.toml, and what holds for a site in the end."""
