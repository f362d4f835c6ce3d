"""A file without page objects, which the others import."""


def without_office(name: str) -> str:
    return name.partition(",")[0]
