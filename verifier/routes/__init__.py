"""The public routes: by code, by file, and the site around them."""
