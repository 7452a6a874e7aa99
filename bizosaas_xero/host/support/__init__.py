"""Diagnosis: doctor and the support bundle."""
