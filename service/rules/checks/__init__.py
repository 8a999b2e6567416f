"""What looks wrong with a policy that can be read: each module looks at one thing, `rules.lint` asks all."""
