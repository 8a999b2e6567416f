"""What the commands do that speak to the API of a server: bring logs in, publish policies from files, try them."""
