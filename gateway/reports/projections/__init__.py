"""The log in other people's forms: replayed from it with a cursor, and never its source."""
