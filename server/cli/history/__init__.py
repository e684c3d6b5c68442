"""`tollgate month`, `history`, `export` and `seed`: what was paid and used."""
