"""Data that pages carry in their markup and scripts: JSON-LD, microdata, RDFa, state."""
