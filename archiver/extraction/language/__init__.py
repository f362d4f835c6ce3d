"""The language of a post: what its page declares, checked against the writing and the words of its text."""
