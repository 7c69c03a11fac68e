"""How each partner says it: one folder a partner, one shape, and schemas as the only knowledge."""
