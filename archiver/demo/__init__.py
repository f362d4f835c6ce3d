"""A demonstration blog to crawl and to test against: some thirty made-up posts, served on the loopback interface."""

from archiver.demo.demo_blog import Blog, Response
from archiver.demo.demo_server import HOST, PORT, Demo, DemoPortTaken, serve
from archiver.demo.theme_markup import Post

__all__ = ["HOST", "PORT", "Blog", "Demo", "DemoPortTaken", "Post", "Response", "serve"]
