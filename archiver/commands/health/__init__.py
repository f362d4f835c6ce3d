"""How sites do: shown to a person, told to those who want to know."""
