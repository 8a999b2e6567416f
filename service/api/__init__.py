"""HTTP only: parse, call one use case, render. See docs/architecture.md."""
