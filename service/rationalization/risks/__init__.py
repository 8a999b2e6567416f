"""Questionnaires by which the risk of a change is assessed, and the assessments that were made."""
