"""The HTTP border: routes, problem answers, and what is said to a partner."""
