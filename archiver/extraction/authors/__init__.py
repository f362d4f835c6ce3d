"""Names of people and where pages sign with them."""
