"""The CEL subset: parse, check, evaluate, explain. Pure; the reference evaluator defines the meaning."""
