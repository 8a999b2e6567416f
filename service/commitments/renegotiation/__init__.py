"""A promise that will not be kept: it is said in advance, answered, and promised anew beside the original."""
