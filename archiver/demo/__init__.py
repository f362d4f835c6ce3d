"""A demonstration blog to crawl and to use in tests: about 30 made-up posts, served on the loopback interface."""

from archiver.demo.demo_blog import HOST, PORT, Blog, Demo, DemoPortTaken, Post, Response, serve

__all__ = ["HOST", "PORT", "Blog", "Demo", "DemoPortTaken", "Post", "Response", "serve"]
