"""Rules: the language, the compiler, the engine behind its wall, and the policies made of them."""
