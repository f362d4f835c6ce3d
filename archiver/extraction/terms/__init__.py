"""Categories and tags: words, links and classes that file a post."""
