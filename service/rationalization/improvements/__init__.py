"""The register of improvements: what is to be made better, where it came from, and the evidence."""
