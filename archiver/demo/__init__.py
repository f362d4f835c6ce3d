"""The demonstration blog: a made-up blog of some thirty posts, served on loopback, to crawl and to test against."""

from archiver.demo.demo_posts import Post
from archiver.demo.demo_responses import Blog, Response
from archiver.demo.demo_server import HOST, PORT, Demo, DemoPortTaken, serve

__all__ = ["HOST", "PORT", "Blog", "Demo", "DemoPortTaken", "Post", "Response", "serve"]
