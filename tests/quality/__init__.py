"""How good what is found is: a corpus that every machine has, and questions to it."""
