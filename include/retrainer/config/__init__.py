"""The declaration of a model, typed; and the settings of this machine, read once."""
