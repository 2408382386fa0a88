"""The page of a plan, `index.html`."""
