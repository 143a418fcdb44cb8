"""Models of what a user would say to an item never shown to them; they complete the rewards of an environment."""
