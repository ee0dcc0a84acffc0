"""Each model's own code: its row-level features and the rule that stands in for it. Written by the model's owner."""
