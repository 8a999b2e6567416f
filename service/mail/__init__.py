"""Mail: queued in the caller's transaction, sent by a worker a bounded number of times, then forgotten."""
