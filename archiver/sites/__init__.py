"""What a person says about sites: archiver.toml, lists of sites, and the effective settings of a site."""
