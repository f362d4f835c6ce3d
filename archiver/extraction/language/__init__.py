"""The language of a post. It is the language that the page declares, checked against the script and the words of the
text.
"""
