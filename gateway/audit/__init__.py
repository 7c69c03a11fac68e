"""The evidence log: an append-only Merkle tree that anyone can check without us."""
