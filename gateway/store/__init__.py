"""Where SQL lives: the database, its schema, and the PostgreSQL that Sluis brings along."""
