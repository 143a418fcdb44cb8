"""Policies and rankings measured on the device."""
