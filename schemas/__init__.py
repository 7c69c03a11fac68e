"""What is said: canonical messages, identifiers, decisions. No I/O, nothing of ours imported."""
