"""Decision tables (DMN): inputs by rows, as JSON and as CSV, compiled to ordinary rules. Pure."""
