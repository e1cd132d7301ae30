"""Tests of the definition: schema, rules, normalisation."""
