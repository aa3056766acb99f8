"""The operators as torch sees them, a module a family: schema, fake, autograd. Triton is imported when one runs."""
