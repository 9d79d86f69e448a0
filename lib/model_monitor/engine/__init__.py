"""How a source is cut into partitions, how a function is mapped over them, and how its states come back."""
