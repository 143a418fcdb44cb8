"""The embedded world: a generated, seeded world of users, items, texts and pictures; the default data of configs."""
