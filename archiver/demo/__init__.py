"""A demonstration blog to crawl and to use in tests: about 30 made-up posts, served on the loopback interface."""

from archiver.demo.demo_posts_markup_and_feeds import Post
from archiver.demo.demo_server import HOST, PORT, Blog, Demo, DemoPortTaken, Response, serve

__all__ = ["HOST", "PORT", "Blog", "Demo", "DemoPortTaken", "Post", "Response", "serve"]
