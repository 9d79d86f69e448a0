"""A challenger beside the champion: which of two models answers better. Pure."""
