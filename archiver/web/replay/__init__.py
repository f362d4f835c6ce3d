"""Captures shown again: where they are found (Memento, RFC 7089), and pages made safe to be looked at."""
