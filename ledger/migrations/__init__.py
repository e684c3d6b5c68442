"""The forward-only migrations, as SQL files that are applied in the order of their names."""
