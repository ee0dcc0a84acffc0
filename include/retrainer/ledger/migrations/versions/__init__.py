"""One script for each version of the schema. A script is never changed once it was released."""
