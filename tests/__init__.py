"""A package by this file: packages that the checks need bring one of the same name, which else goes before."""
