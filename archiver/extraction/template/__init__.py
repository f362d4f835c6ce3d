"""What learning is made of: names for elements, fields read by a rule, the body's container."""
