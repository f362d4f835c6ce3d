"""How a crawl treats hosts: robots.txt, throttle, usage statements, and the allowed network addresses."""
