"""The demonstration blog: a made-up blog of some thirty posts, served on loopback, to crawl and to test against."""

from archiver.demo.demo_blog import Blog, Response
from archiver.demo.demo_server import HOST, PORT, Demo, DemoPortTaken, serve
from archiver.demo.theme_markup import Post

__all__ = ["HOST", "PORT", "Blog", "Demo", "DemoPortTaken", "Post", "Response", "serve"]
