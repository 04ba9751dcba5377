"""One self-contained page about a business and its customers, and the same as text and JSON."""
