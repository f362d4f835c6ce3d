"""How a site does: what each run measured, and what that says beside the site's own past."""
