"""How likely promises are to be missed, by what became of others like them."""
