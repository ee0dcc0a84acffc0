"""The steps: each loads, makes one pure call, saves, and returns a contract."""
