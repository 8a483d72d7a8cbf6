"""Who you are and what you may do: users, passwords, tokens, sessions, API keys, roles."""
