"""Who would be told: a ladder climbed without telling anybody."""
