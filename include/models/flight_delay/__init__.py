"""Will this flight arrive more than 15 minutes late? Known at its scheduled departure from New York."""
