"""What commands do that speak to the API of a server: bring logs in, publish and try policies."""
