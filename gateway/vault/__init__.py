"""Keys and sealed boxes: what is at rest can be read only with a key that stands elsewhere."""
