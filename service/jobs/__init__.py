"""Jobs: what is due now and leaves the process, in the order and with the guarantees of pgqueuer."""
