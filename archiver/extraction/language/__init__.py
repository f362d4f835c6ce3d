"""The language of a post: the one that its page declares, checked against the script and the words of its text."""
