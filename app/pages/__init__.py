"""The kit of everything that people see: templates, look, texts in each language, money and times, forms.

A room with pages brings `templates/<room>/*.html`, and `texts/<language>.toml` and `static/*` if it needs them; wiring
names it in `PAGE_ROOMS`. Its routes stand on a router with `route_class=PageRoute, include_in_schema=False` and answer
with `pages_of(request).answer(request, "<room>/<page>.html", **facts)`. A form that changes something is read with
`pages.read_form(request)`; afterwards comes `see_other(path)`. Every `Problem` becomes a page by itself.
"""
