"""The HTTP edge shared by every room: envelope, errors, the JSON gate, routes, paging, middleware and API docs."""
